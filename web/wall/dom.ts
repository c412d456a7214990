// The few lines that stand between the page and a framework.

export function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`#${id} is missing`);
  return element as T;
}

/** Sets text only where it differs: a wall runs for weeks, and screen readers hear every set. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** `h("p", "class", child, "text")`; text is always text, never markup. */
export function h(tag: string, className: string, ...children: (Node | string | null)[]): HTMLElement {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  for (const child of children) if (child !== null) element.append(child);
  return element;
}
