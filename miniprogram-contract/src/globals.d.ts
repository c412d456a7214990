// The host's only names that the shipped code may use besides ECMAScript.
declare function setTimeout(run: () => void, milliseconds: number): number;
declare function clearTimeout(timer: number | undefined): void;
declare function setInterval(run: () => void, milliseconds: number): number;
declare function clearInterval(timer: number | undefined): void;
