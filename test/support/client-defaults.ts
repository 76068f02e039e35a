/** Options of most clients in tests: long timeouts, few retries, and the clocks of the machine. */
export const CLIENT_DEFAULTS = {
  concurrencyMin: 1,
  requestsPerSecond: 0,
  timeoutMs: 10_000,
  retries: 2,
  userAgent: 'test',
  clock: Date.now,
  steadyClock: (): number => performance.now(),
} as const;
