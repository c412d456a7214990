/** Runs one at a time; calls while it runs are one more round together. */
export function rounds(work: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  return function ask() {
    again = running;
    if (running) return;
    running = true;
    void work().finally(() => {
      running = false;
      if (again) ask();
    });
  };
}
