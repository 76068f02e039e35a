import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startChild } from '../../lab/child.ts';
import { checkRounds } from '../support/store-rounds.ts';
import { newFile, open, WRITER_COMMAND } from '../support/store-sample.ts';

test('a store that is killed at any moment contains only complete rounds, and all that were reported as written', async () => {
  const file = newFile();
  const [command, ...parameters] = WRITER_COMMAND;
  let last = 0;
  for (let i = 0; i < 15; i++) {
    const child = startChild(command, [...parameters, file]);
    await new Promise<void>((resolve) => child.onOutput(() => resolve()));
    await sleep(Math.random() * 150);
    await child.kill();
    const written = /(\d+) written\n$/.exec(child.output())?.[1];
    const store = open(file);
    const { problems, round } = await checkRounds(store);
    store.close();
    expect(problems, child.output()).toEqual([]);
    expect(round).toBeGreaterThanOrEqual(Number(written));
    expect(round).toBeGreaterThan(last);
    last = round;
  }
});
