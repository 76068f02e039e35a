/** Integers from 0, with as few bytes for each as the largest of them needs. */
export type Numbers = Uint8Array | Uint16Array | Uint32Array;

type Column = Uint8Array | Uint32Array | Float64Array;

const MIN_LENGTH = 64;

/** Returns an array that has that index: the same one or, if it is too short, a longer copy filled up with 0. */
export function extendedTo<T extends Column>(array: T, index: number): T {
  if (index < array.length) return array;
  return resized(array, Math.max(MIN_LENGTH, 2 * array.length, index + 1));
}

/** Returns a copy of that length, cut off or filled up with 0. */
export function resized<T extends Column>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array.length > length ? array.subarray(0, length) : array);
  return copy;
}

/** Returns the same numbers in fewer bytes. All of them must be smaller than `limit`. */
export function narrowed(numbers: Uint32Array, limit: number): Numbers {
  if (limit <= 2 ** 8) return Uint8Array.from(numbers);
  if (limit <= 2 ** 16) return Uint16Array.from(numbers);
  return numbers;
}
