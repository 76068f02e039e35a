/* Started by tests as a process of its own: writes rounds to a store until it is killed, or cannot, or has written so many. */
import { openStore } from '../../src/store/sqlite/open-store.ts';
import { lookAtRounds, writeRound } from './store-rounds.ts';

const [file = '', count = 'Infinity'] = process.argv.slice(2);
const say = (text: unknown): boolean => process.stdout.write(`${text}\n`);

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
      say(`${round} written`);
    }
  } catch (error) {
    say(error);
    const { problems } = await lookAtRounds(store);
    say(problems.join('; ') || 'whole');
  }
} catch (error) {
  say(error);
}
