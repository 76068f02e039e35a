import { vi } from 'vitest';

/**
 * The time limit of a test or hook that runs npm, a build, a download or a tool of the system: ten minutes. It has to be enough on a machine with a load
 * of 15.
 */
export const SLOW_TEST_MS = 600_000;

/** Gives every test and hook of this file that time limit. Must be called at the top of the file. */
export function setSlowTimeLimits(): void {
  vi.setConfig({ testTimeout: SLOW_TEST_MS, hookTimeout: SLOW_TEST_MS });
}
