import { closeSync, openSync } from 'node:fs';
import { createPasswordChecker } from '../../src/auth/password-checker.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';

/* A process that has no file descriptors left for a while. Prints the results as JSON. Its first argument is the path of a store. */

const store = openStore({
  file: process.argv[2] ?? '',
  registryUrl: 'https://registry.example/',
  retention: { allMs: 1, dailyMs: 1 },
  clock: Date.now,
});
const checker = createPasswordChecker(3);
/** bcrypt of `secret`. */
const HASH = '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => String(value),
    (error: unknown) => `failed: ${(error as Error).message}`,
  );

function takeAll(): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch {
      return taken;
    }
  }
}

const results: Record<string, string[]> = { during: [], after: [] };
const taken = takeAll();
for (let i = 0; i < 5; i++) {
  results['during']?.push(await outcome(store.check()), await outcome(checker.matches('secret', HASH)));
}
for (const descriptor of taken) closeSync(descriptor);
results['after']?.push(await outcome(store.check()), await outcome(checker.matches('secret', HASH)));
await checker.stop();
store.close();
process.stdout.write(JSON.stringify(results));
