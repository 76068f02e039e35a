import { expect, test } from 'vitest';
import { createSingleFlight } from '../../src/lib/single-flight.ts';

const { signal } = new AbortController();

/** A question that counts how often it is asked, and is answered by hand. */
function createQuestion() {
  const pending: PromiseWithResolvers<string>[] = [];
  const question = (asker: AbortSignal): Promise<string> => {
    const answer = Promise.withResolvers<string>();
    asker.addEventListener('abort', () => answer.reject(asker.reason));
    pending.push(answer);
    return answer.promise;
  };
  return { question, pending };
}

test('asks once for callers at the same time, and keeps the answer for later ones', async () => {
  const flight = createSingleFlight<string>();
  const { question, pending } = createQuestion();
  const answers = [flight.ask(signal, question), flight.ask(signal, question)];
  pending[0]?.resolve('yes');
  expect(await Promise.all(answers)).toEqual(['yes', 'yes']);
  expect(await flight.ask(signal, question)).toBe('yes');
  expect(pending).toHaveLength(1);
});

test('asks again after `forget`, and after an answer that is not kept', async () => {
  const flight = createSingleFlight<string>((answer) => answer !== 'unknown');
  for (const answer of ['unknown', 'yes', 'no']) {
    expect(await flight.ask(signal, async () => answer)).toBe(answer);
    if (answer === 'yes') {
      expect(await flight.ask(signal, async () => 'no')).toBe('yes');
      flight.forget();
    }
  }
});

test('rejects every waiting caller when the question fails, and asks again for the next one', async () => {
  const flight = createSingleFlight<string>();
  const { question, pending } = createQuestion();
  const answers = [flight.ask(signal, question), flight.ask(signal, question)];
  pending[0]?.reject(new Error('failed'));
  for (const answer of answers) await expect(answer).rejects.toThrow('failed');
  expect(await flight.ask(signal, async () => 'yes')).toBe('yes');
});

test('asks again, once for all that still wait, when the caller that asked is aborted', async () => {
  const flight = createSingleFlight<string>();
  const { question, pending } = createQuestion();
  const first = new AbortController();
  const aborted = flight.ask(first.signal, question);
  const others = [flight.ask(signal, question), flight.ask(signal, question)];
  first.abort(new Error('ended'));
  await expect(aborted).rejects.toThrow('ended');
  await new Promise(setImmediate);
  expect(pending).toHaveLength(2);
  pending[1]?.resolve('yes');
  expect(await Promise.all(others)).toEqual(['yes', 'yes']);
});

test('lets an aborted caller go at once, and does not end the question of another', async () => {
  const flight = createSingleFlight<string>();
  const { question, pending } = createQuestion();
  const asking = flight.ask(signal, question);
  const other = new AbortController();
  const waiting = flight.ask(other.signal, question);
  other.abort(new Error('ended'));
  await expect(waiting).rejects.toThrow('ended');
  await expect(flight.ask(other.signal, question)).rejects.toThrow('ended');
  pending[0]?.resolve('yes');
  expect(await asking).toBe('yes');
});
