/** Whole numbers from 0 on, in as few bytes each as the largest of them needs. */
export type Numbers = Uint8Array | Uint16Array | Uint32Array;

type Column = Uint8Array | Uint32Array | Float64Array;

const LEAST_LENGTH = 64;

/** The same array, or a copy that is longer, so that there is room at that index. What is new is 0. */
export function withRoomAt<T extends Column>(array: T, index: number): T {
  if (index < array.length) return array;
  return resized(array, Math.max(LEAST_LENGTH, 2 * array.length, index + 1));
}

/** A copy of so many numbers, cut short or filled up with 0. */
export function resized<T extends Column>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array.length > length ? array.subarray(0, length) : array);
  return copy;
}

/** The same numbers, all of which are smaller than `limit`. */
export function narrowed(numbers: Uint32Array, limit: number): Numbers {
  if (limit <= 2 ** 8) return Uint8Array.from(numbers);
  if (limit <= 2 ** 16) return Uint16Array.from(numbers);
  return numbers;
}
