import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, serve } from './serve.ts';

/** What can go wrong between a client and a registry. */
const FAULTS = [
  'reset',
  'reset in the middle',
  'delay',
  'no end',
  'cut short',
  'cut short, and well-formed',
  '401',
  '401 without a word',
  '429',
  '500',
  '502',
  'hostile link',
] as const;
type Fault = (typeof FAULTS)[number];

export interface ChaosOptions {
  /** The same seed makes the same of the same requests, in whatever order they come. */
  readonly seed: number;
  /** The share of requests that go wrong, from 0 to 1. */
  readonly share: number;
}

export interface Chaos extends Served {
  /** How often each fault was done. */
  readonly done: ReadonlyMap<string, number>;
}

const DELAY_MS = 30;
/** Longer than the patience of the clients that are sent here. */
const NO_END_MS = 5000;

/** The registry at that URL once more, where requests go wrong. */
export async function chaos(url: string, { seed, share }: ChaosOptions): Promise<Chaos> {
  const times = new Map<string, number>();
  const done = new Map<string, number>();
  const served = await serve((inside, answer) => {
    const name = `${inside.method} ${inside.url}`;
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    const fault = faultOf(draw(`${seed} ${name} ${time}`), share);
    if (fault !== undefined) done.set(fault, (done.get(fault) ?? 0) + 1);
    answer.on('error', () => undefined);
    void pass(url, inside, answer, fault);
  });
  return { ...served, done };
}

/** A number from 0 to 1 that depends on the text alone (FNV-1a, then a finaliser that spreads its bits). */
function draw(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

function faultOf(drawn: number, share: number): Fault | undefined {
  return drawn < share ? FAULTS[Math.floor((drawn / share) * FAULTS.length)] : undefined;
}

async function pass(url: string, inside: IncomingMessage, answer: ServerResponse, fault: Fault | undefined) {
  switch (fault) {
    case 'reset':
      return inside.socket.destroy();
    case '401':
      answer.setHeader('www-authenticate', `Bearer realm="${url}/nowhere",service="x",error="invalid_token"`);
      return refuse(answer, 401);
    case '401 without a word':
      return refuse(answer, 401);
    case '429':
      answer.setHeader('retry-after', '0');
      return refuse(answer, 429);
    case '500':
      return refuse(answer, 500);
    case '502':
      return refuse(answer, 502);
    case 'delay':
      await sleep(DELAY_MS);
  }
  const outside = request(new URL(inside.url ?? '', url), { method: inside.method, headers: inside.headers });
  outside.on('error', () => answer.destroy()).on('response', (response) => void spoil(response, answer, fault));
  inside.pipe(outside);
}

function refuse(answer: ServerResponse, status: number): void {
  answer.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Something went wrong</h1>');
}

/** Hands on what the registry answered, or what is left of it. */
async function spoil(response: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const half = body.subarray(0, body.length / 2);
  const headers = { ...response.headers };
  if (fault === 'hostile link') headers['link'] = hostileLink(body.length);
  if (fault === 'cut short, and well-formed' && body.length > 0) headers['content-length'] = String(half.length);
  answer.writeHead(response.statusCode ?? 502, headers);
  switch (fault) {
    case 'reset in the middle':
    case 'cut short':
      answer.write(half);
      answer.socket?.end(() => answer.destroy());
      return;
    case 'no end':
      answer.write(half);
      await sleep(NO_END_MS, undefined, { ref: false });
      answer.destroy();
      return;
    case 'cut short, and well-formed':
      answer.end(half);
      return;
    default:
      answer.end(body);
  }
}

/** Links that name no page, another host, or the same page for ever. */
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
