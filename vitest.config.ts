import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/own-temporary-directory.ts'],
    setupFiles: ['test/support/release.ts'],
    // Only a test that hangs reaches these limits: they leave room for a machine that is busy with other work. Some tests need even more (time-limits.ts).
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    // Two cores: with more workers, the real servers of the tests slow each other down.
    maxWorkers: 2,
  },
});
