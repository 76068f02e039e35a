import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, freePort, startListening } from '../../lab/child.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { type Answered, type Asked, send } from '../support/described-check.ts';
import { document, operations, requests } from '../support/described-requests.ts';
import { createDescribedServer } from '../support/described-server.ts';
import { PREFIX } from '../support/server.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Sends the requests of the fuzzer through Prism, a validating proxy: it replaces each response that is not as described by a 500 of its own. It is not
 * a dependency: `scripts/fuzz-with-prism` downloads it and runs this test. */
const prism = process.env['PRISM'];
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1000);

describe.skipIf(prism === undefined)('Prism', () => {
  const server = createDescribedServer('collected');
  let child: Child;
  let port: number;
  let directory: string;

  beforeAll(async () => {
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    port = await freePort();
    child = await inNewDirectory('prism', async (made) => {
      directory = made;
      const file = join(made, 'openapi.json');
      await writeFile(file, JSON.stringify(document));
      const parameters = ['proxy', file, url + PREFIX, '--errors', '--validate-request=false', '-p', String(port)];
      return startListening(process.execPath, [String(prism), ...parameters, '-h', '127.0.0.1', '-v', 'error'], port);
    });
  });

  afterAll(async () => {
    await child?.stop();
    await server.close();
    await removeDirectory(directory);
  });

  test('finds every response as described', async () => {
    const judged = new Map<number, number>();
    const asks = fc.asyncProperty(requests, async (asked) => {
      if (!isForPrism(asked)) return;
      const answered = await send(port, throughPrism(asked));
      const { status } = answered;
      if (isOfPrism(answered)) return;
      expect([status, violations(answered)]).toEqual([status, []]);
      judged.set(status, (judged.get(status) ?? 0) + 1);
    });
    await fc.assert(asks, { numRuns: RUNS, interruptAfterTimeLimit: 50_000 });
    console.log('answers that Prism let pass, by status:', Object.fromEntries(judged));
    expect([...judged.keys()]).toEqual(expect.arrayContaining([200, 400, 404]));
  });

  test('reports a response that is not as described', async () => {
    const operation = operations.find(({ operationId }) => operationId === 'getOpenApi');
    const wrong = await send(port, { operation, method: 'DELETE', target: '/tags', headers: {} } as unknown as Asked);
    expect([wrong.status, violations(wrong).length > 0]).toEqual([405, true]);
  });
});

/**
 * Prism sends requests with fetch, and fails on some that no browser sends. So these requests use described methods only, no body with GET, no body
 * but JSON, and no broken escapes.
 */
function isForPrism({ operation, method, target, headers, body }: Asked): boolean {
  const [path = ''] = target.split('?');
  const isClean =
    !/%(?![0-9A-Fa-f]{2})/.test(path) && !/\/(?:\.|%2e){0,2}(?:\/|$)/i.test(path.slice(PREFIX.length + 1));
  const type = headers['content-type'];
  const isBodyClean = type === undefined || (method === 'POST' && type.endsWith('json') && isJson(body));
  return method === operation.method && isClean && isBodyClean;
}

function isJson(body: Asked['body']): boolean {
  try {
    return typeof JSON.parse(String(body)) === 'object';
  } catch {
    return false;
  }
}

function throughPrism({ target, headers, ...asked }: Asked): Asked {
  const { expect: _, ...passed } = headers;
  return { ...asked, target: target.slice(PREFIX.length), headers: { ...passed, 'accept-encoding': 'identity' } };
}

/** Prism itself refuses a request without credentials. */
function isOfPrism({ body }: Answered): boolean {
  return body.toString().includes('"https://stoplight.io/prism/errors#UNAUTHORIZED"');
}

/** Returns the message of Prism itself; undefined if the response is the service's. */
function violations({ headers, body }: Answered): readonly unknown[] {
  const text = body.toString();
  if (headers['content-type'] !== 'application/problem+json' || !text.includes('"type":"https://stoplight.io/')) {
    return text.includes('"type":"FetchError"') ? [text] : [];
  }
  const { type, validation = [] } = JSON.parse(text);
  return [type, ...validation];
}
