import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/own-temporary-directory.ts'],
    setupFiles: ['test/support/release.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // Two cores: with more workers, the real servers of the tests slow each other down.
    maxWorkers: 2,
  },
});
