import { API_CASES, type ApiCase, requestOf } from '../api-cases.ts';
import { load } from '../wrk.ts';
import type { CheckoutService, SnapshotFields } from './checkout.ts';
import { type Compared, inRounds, type Sides } from './rounds.ts';

/** A service that is ready to be measured, and the fields of its snapshot. */
export interface Ready {
  readonly service: CheckoutService;
  readonly fields: SnapshotFields;
}

export interface ApiOptions {
  readonly rounds: number;
  /** How long a service is measured per figure and round. */
  readonly seconds: number;
}

/** Compares the requests per second of each case, after both services have given the same response to it. */
export async function compareApi(
  sides: Sides<Ready>,
  { rounds, seconds }: ApiOptions,
): Promise<Readonly<Record<string, Compared>>> {
  const results: Record<string, Compared> = {};
  for (const [name, one] of Object.entries(API_CASES)) {
    process.stderr.write(`bench: compare: ${name} ...\n`);
    const etags = await checkSame(name, one, sides);
    const rateOf = async (side: keyof Sides<Ready>): Promise<{ readonly rate: number }> => {
      const { url, token } = sides[side].service;
      const requests = [requestOf(one, token, etags[side])];
      const { accept = '*/*', connections } = one;
      const { requestsPerSecond, errors } = await load({ url, requests, accept, connections, seconds });
      if (errors > 0) throw new Error(`${name}: ${errors} requests have failed (${side})`);
      return { rate: requestsPerSecond };
    };
    await inRounds(1, 'requests/s', rateOf); // Node compiles what is used often
    results[name] = (await inRounds(rounds, 'requests/s', rateOf)).rate;
  }
  return results;
}

interface Reply {
  readonly text: string;
  readonly type: string | null;
  readonly encoding: string | null;
  readonly etag: string;
}

/** Throws unless both services send the same bytes, apart from the times of the snapshot. Returns the etags, without their quotes. */
async function checkSame(name: string, one: ApiCase, { before, after }: Sides<Ready>): Promise<Sides<string>> {
  const replies = { before: await fetchReply(name, one, before), after: await fetchReply(name, one, after) };
  for (const part of ['type', 'encoding', 'text'] as const)
    if (replies.before[part] !== replies.after[part])
      throw new Error(
        `${name}: the responses differ in ${part}:\n${difference(replies.before[part], replies.after[part])}`,
      );
  return { before: replies.before.etag, after: replies.after.etag };
}

async function fetchReply(name: string, one: ApiCase, { service, fields }: Ready): Promise<Reply> {
  const { accept = '*/*', acceptEncoding = 'identity', isKnown = false, path } = one;
  const headers = { authorization: `Bearer ${service.token}`, accept, 'accept-encoding': acceptEncoding };
  const response = await fetch(service.url + path, { headers });
  const etag = response.headers.get('etag') ?? '';
  const text = withoutTimes(await response.text(), fields);
  if (response.status !== 200) throw new Error(`${name}: status ${response.status}: ${text}`);
  const condition = { ...headers, 'if-none-match': etag };
  if (isKnown && (await fetch(service.url + path, { headers: condition })).status !== 304)
    throw new Error(`${name}: the status is not 304 although the client has the response`);
  return {
    text,
    type: response.headers.get('content-type'),
    encoding: response.headers.get('content-encoding'),
    etag: etag.replaceAll('"', ''),
  };
}

function withoutTimes(text: string, fields: SnapshotFields): string {
  let replaced = text;
  for (const name of ['snapshot', 'started_at', 'finished_at', 'timestamp'] as const)
    replaced = replaced.replaceAll(String(fields[name]), `(${name})`);
  return replaced;
}

const CONTEXT_CHARACTERS = 80;

/** Returns both texts around the first character that differs. */
function difference(before: string | null, after: string | null): string {
  const [left, right] = [String(before), String(after)];
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  const around = (text: string): string => text.slice(Math.max(0, at - CONTEXT_CHARACTERS), at + CONTEXT_CHARACTERS);
  return `  before: ${around(left)}\n  after:  ${around(right)}`;
}
