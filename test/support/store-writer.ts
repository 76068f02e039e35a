/* A process that tests start: writes rounds to a store until it is killed, a write fails, or it has written the given number of them. */
import { openStore } from '../../src/store/sqlite/open-store.ts';
import { checkRounds, writeRound } from './store-rounds.ts';

const [file = '', count = 'Infinity'] = process.argv.slice(2);
const print = (text: unknown): boolean => process.stdout.write(`${text}\n`);

try {
  let round = 1;
  const store = openStore({
    file,
    registryUrl: 'https://registry.example.com/',
    retention: { allMs: 20, dailyMs: 20 },
    clock: () => round,
  });
  round += (await store.snapshots.latest())?.startedAt ?? 0;
  try {
    for (const end = round + Number(count); round < end; round++) {
      await writeRound(store, round);
      print(`${round} written`);
    }
  } catch (error) {
    print(error);
    const { problems } = await checkRounds(store);
    print(problems.join('; ') || 'whole');
  }
} catch (error) {
  print(error);
}
