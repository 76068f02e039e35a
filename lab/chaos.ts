import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, serve } from './serve.ts';

/** The faults that the proxy injects between a client and a registry. */
const FAULTS = [
  'reset',
  'reset in the middle',
  'delay',
  'never ends',
  'cut short',
  'cut short with a matching length',
  '401',
  '401 without a challenge',
  '429',
  '500',
  '502',
  'hostile link',
] as const;
type Fault = (typeof FAULTS)[number];

export interface ChaosOptions {
  /** The same seed injects the same faults into the same requests, in any order of arrival. */
  readonly seed: number;
  /** The share of requests that get a fault, from 0 to 1. */
  readonly share: number;
}

export interface Chaos extends Served {
  /** How often each fault was injected. */
  readonly injected: ReadonlyMap<string, number>;
}

const DELAY_MS = 30;
/** Longer than the timeout of the clients under test. */
const HANG_MS = 5000;

/** Starts a proxy in front of the registry at `url` that injects faults. */
export async function chaos(url: string, { seed, share }: ChaosOptions): Promise<Chaos> {
  const times = new Map<string, number>();
  const injected = new Map<string, number>();
  const served = await serve((incoming, reply) => {
    const name = `${incoming.method} ${incoming.url}`;
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    const fault = faultOf(hashToUnit(`${seed} ${name} ${time}`), share);
    if (fault !== undefined) injected.set(fault, (injected.get(fault) ?? 0) + 1);
    reply.on('error', () => undefined);
    void forwardRequest(url, incoming, reply, fault);
  });
  return { ...served, injected };
}

/** Returns a number from 0 to 1 that depends only on the text (FNV-1a, then a finaliser that spreads its bits). */
function hashToUnit(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

function faultOf(unit: number, share: number): Fault | undefined {
  return unit < share ? FAULTS[Math.floor((unit / share) * FAULTS.length)] : undefined;
}

async function forwardRequest(url: string, incoming: IncomingMessage, reply: ServerResponse, fault: Fault | undefined) {
  switch (fault) {
    case 'reset':
      return incoming.socket.destroy();
    case '401':
      reply.setHeader('www-authenticate', `Bearer realm="${url}/nowhere",service="x",error="invalid_token"`);
      return refuse(reply, 401);
    case '401 without a challenge':
      return refuse(reply, 401);
    case '429':
      reply.setHeader('retry-after', '0');
      return refuse(reply, 429);
    case '500':
      return refuse(reply, 500);
    case '502':
      return refuse(reply, 502);
    case 'delay':
      await sleep(DELAY_MS);
  }
  const upstream = request(new URL(incoming.url ?? '', url), { method: incoming.method, headers: incoming.headers });
  upstream.on('error', () => reply.destroy()).on('response', (response) => void sendWithFault(response, reply, fault));
  incoming.pipe(upstream);
}

function refuse(reply: ServerResponse, status: number): void {
  reply.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Something went wrong</h1>');
}

/** Sends the registry's response to the client, changed as the fault demands. */
async function sendWithFault(
  response: IncomingMessage,
  reply: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const half = body.subarray(0, body.length / 2);
  const headers = { ...response.headers };
  if (fault === 'hostile link') headers['link'] = hostileLink(body.length);
  if (fault === 'cut short with a matching length' && body.length > 0) headers['content-length'] = String(half.length);
  reply.writeHead(response.statusCode ?? 502, headers);
  switch (fault) {
    case 'reset in the middle':
    case 'cut short':
      reply.write(half);
      reply.socket?.end(() => reply.destroy());
      return;
    case 'never ends':
      reply.write(half);
      await sleep(HANG_MS, undefined, { ref: false });
      reply.destroy();
      return;
    case 'cut short with a matching length':
      reply.end(half);
      return;
    default:
      reply.end(body);
  }
}

/** Returns a `Link` header with an invalid page, another host, or an endless loop. */
function hostileLink(number: number): string {
  const links = [
    '<http://169.254.169.254/latest/meta-data>; rel="next"',
    '</v2/_catalog?last=&n=0>; rel="next"',
    '<//elsewhere.example/v2/_catalog?n=-1>; rel=next',
    `<${'x'.repeat(5000)}>; rel="next"`,
    '<not a link; rel="next", <<>>',
    '</v2/_catalog?n=99999999999>; rel="previous"; rel="next"',
  ];
  return links[number % links.length] ?? '';
}
