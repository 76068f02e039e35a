const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/**
 * Parses a date and time of RFC 3339 (section 5.6, `date-time`) and returns milliseconds since the epoch, rounded down. Returns undefined
 * for any other text, for a field out of range, and for a leap second, which JavaScript has no number for.
 */
export function parseRfc3339(text: string): number | undefined {
  const at = DATE_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Formats milliseconds since the epoch in UTC, such as `2026-03-01T03:00:00.000Z`. Throws a `RangeError` beyond the years 0 to 9999. */
export function formatRfc3339(at: number): string {
  return new Date(at).toISOString();
}
