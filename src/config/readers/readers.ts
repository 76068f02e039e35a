import { parseDuration } from './duration.ts';
import type { Reader } from './key.ts';

/** Node's timers hold 2^31 - 1 ms, a little more than 24 days. With a longer delay they fire at once. */
export const LONGEST_TIMER_SECONDS = 24 * 86_400;

/** Reads one line of text that is not empty. */
export const line: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  return hasControls(text) ? { wrong: 'contains a line break or a control character' } : { value: text };
};

/** Returns a reader that gives undefined for an empty text, and otherwise the value of `read`. */
export function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (text) => (text === '' ? { value: undefined } : read(text));
}

/** Returns a reader that rejects the placeholder of the default file. */
export function replaced(isPlaceholder: (text: string) => boolean, read: Reader<string>): Reader<string> {
  return (text) => (text !== '' && isPlaceholder(text) ? { wrong: 'is still the placeholder' } : read(text));
}

/** Whether the text is `0`, `00000`…, the placeholder of secrets and numbers in the default file. */
export function isAllZeros(text: string): boolean {
  return /^0+$/.test(text);
}

const TRUE: readonly string[] = ['true', 'yes', 't', 'y', 'on', '1'];
const FALSE: readonly string[] = ['false', 'no', 'f', 'n', 'off', '0'];

export const boolean: Reader<boolean> = (text) => {
  const word = text.toLowerCase();
  if (TRUE.includes(word)) return { value: true };
  return FALSE.includes(word) ? { value: false } : { wrong: 'is neither true nor false' };
};

/** Returns a reader of decimal numbers from `least` to `most`, inclusive. */
export function wholeNumber(least: number, most: number): Reader<number> {
  return (text) => {
    if (!/^[0-9]{1,15}$/.test(text)) return { wrong: 'is not a whole number' };
    const number = Number(text);
    return number >= least && number <= most ? { value: number } : { wrong: 'is out of range' };
  };
}

/** Returns a reader of durations, in seconds, from one second to `mostSeconds`. */
export function duration(mostSeconds: number): Reader<number> {
  return (text) => {
    const parsed = parseDuration(text);
    if ('wrong' in parsed) return parsed;
    if (parsed.seconds < 1) return { wrong: 'is too short' };
    return parsed.seconds <= mostSeconds ? { value: parsed.seconds } : { wrong: 'is too long' };
  };
}

export function oneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text.toLowerCase());
    return choice === undefined ? { wrong: 'is not one of the choices' } : { value: choice };
  };
}

/** Splits a text at white space and commas. */
export function words(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

export function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
