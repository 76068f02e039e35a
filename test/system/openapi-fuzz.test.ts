import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Asked, createCheck, send } from '../support/described-check.ts';
import type { Described } from '../support/described-operations.ts';
import { document, operations, requests } from '../support/described-requests.ts';
import { createDescribedServer, type Situation } from '../support/described-server.ts';
import { NO_LIMITS, PREFIX } from '../support/server.ts';

/* Sends valid and invalid requests, generated from the OpenAPI document, to a listening server. The document must describe each response: the status,
 * the media type, every field of the body, and every required header. fast-check prints the seed of a failure. */
const wrongs = createCheck(document);
/** A larger number searches longer. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);

async function listening(server: FastifyInstance): Promise<number> {
  return Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
}

describe.each(['collected', 'before', 'collecting'] satisfies Situation[])('%s', (situation) => {
  let server: FastifyInstance;
  let port: number;

  beforeAll(async () => {
    server = createDescribedServer(situation);
    port = await listening(server);
  });

  afterAll(() => server.close());

  test('describes the response to any request', async () => {
    const seen = new Set<number>();
    const asks = fc.asyncProperty(requests, async (asked) => {
      const answered = await send(port, asked);
      seen.add(answered.status);
      expect([answered.status, ...wrongs(asked, answered)], answered.body.toString().slice(0, 300)).toEqual([
        answered.status,
      ]);
      if (asked.isPlain && asked.isQueryValid) expect(answered.status).not.toBe(400);
      if (situation !== 'before' && !asked.isQueryValid && asked.method === 'GET')
        expect(answered.status).not.toBe(200);
    });
    await fc.assert(asks, { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 6 });
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 401]));
  });
});

describe('rare responses', () => {
  const operationOf = (id: string) => operations.find(({ operationId }) => operationId === id) as Described;

  async function ask(port: number, id: string, changes: Partial<Asked> = {}): Promise<number> {
    const operation = operationOf(id);
    const length = changes.body === undefined ? {} : { 'content-length': String(changes.body.length) };
    const headers = { authorization: 'Bearer good', ...length, ...changes.headers };
    const asked = { operation, method: operation.method, target: PREFIX + operation.url, ...changes, headers };
    const answered = await send(port, asked);
    expect([answered.status, ...wrongs(asked, answered)]).toEqual([answered.status]);
    return answered.status;
  }

  test('are described too', async () => {
    const server = createDescribedServer('resting');
    const port = await listening(server);
    const json = { 'content-type': 'application/json' };
    expect(await ask(port, 'getRepository', { target: `${PREFIX}/repositories/team/tags` })).toBe(300);
    expect(await ask(port, 'listBlobs', { headers: { expect: 'nothing that there is' } })).toBe(200);
    expect(await ask(port, 'listBlobs', { headers: { 'if-none-match': '*' } })).toBe(304);
    expect(await ask(port, 'getTag', { headers: json, body: '{' })).toBe(400);
    expect(await ask(port, 'getTag', { headers: { host: 'a b' } })).toBe(400);
    expect(await ask(port, 'getTag', { target: `${PREFIX}/tags?snapshot=former` })).toBe(410);
    expect(await ask(port, 'startCollection', { headers: json, body: ' '.repeat(1024 * 1024 + 1) })).toBe(413);
    expect(await ask(port, 'notify', { headers: { 'content-type': 'text/plain' }, body: '' })).toBe(401);
    expect(await ask(port, 'startCollection')).toBe(429);
    expect(await ask(port, 'getTag', { headers: { 'x-long': 'x'.repeat(20_000) } })).toBe(431);
    await server.close();
  });

  test('are described for too many requests and for another host', async () => {
    const limits = { ...NO_LIMITS, requestsPerAddress: 60, requestsPerUser: 30 };
    const server = createDescribedServer('collected', { http: { limits, allowedHosts: ['127.0.0.1'] } });
    const port = await listening(server);
    const seen = new Map<number, number>();
    for (let round = 0; round < 5; round++) {
      for (const { operationId } of operations) {
        const host = operationId === 'listGaps' ? 'other.example' : '127.0.0.1';
        const status = await ask(port, operationId, { headers: { host } });
        seen.set(status, (seen.get(status) ?? 0) + 1);
      }
    }
    await server.close();
    expect(seen.get(421)).toBe(5);
    expect(seen.get(200)).toBeGreaterThan(30);
    expect(seen.get(429)).toBeGreaterThan(20);
  });
});
