/** Ends a `switch` over a union: if a case is missing, the call does not compile. Throws if it is reached nevertheless. */
export function assertNever(value: never): never {
  throw new Error(`unexpected case: ${String(value)}`);
}
