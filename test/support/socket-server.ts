import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { createServer, type Log, type ServerOptions } from '../../src/api/server.ts';
import { type AdmissionSettings, NO_ADMISSION_LIMITS } from '../../src/http/admission.ts';
import { NOTHING_CRAWLED } from './sample-crawl-stats.ts';
import { crawlOf, image } from './sample-registry-content.ts';

/** The real server at a real socket, with a small registry behind it, and a directory in which everybody's password is `right`. */
export interface FrontServer {
  readonly server: FastifyInstance;
  readonly port: number;
  /** The name of everybody whom the directory was asked about. */
  readonly asked: string[];
  readonly log: { readonly event: string; readonly fields: object }[];
  /** Moved by hand. */
  readonly clock: { now: number };
  close(): Promise<void>;
}

export const TOKEN = 'good';
export const PREFIX = '/usage';

/** @param front some options, where everything else is open */
export async function startFront(
  front: Partial<AdmissionSettings> = {},
  options: Partial<ServerOptions> & { readonly tagsCount?: number } = {},
): Promise<FrontServer> {
  const { tagsCount = 2, ...further } = options;
  const { snapshot } = crawlOf(Array(tagsCount).fill(image('a')));
  const asked: string[] = [];
  const lines: FrontServer['log'][number][] = [];
  const clock = { now: 1000 };
  const say = (fields: object, event: string): void => void lines.push({ fields, event });
  const log: Log = { isLevelEnabled: () => true, debug: say, info: say, error: say };
  const server = createServer({
    prefix: PREFIX,
    version: '1.2.3',
    corsOrigins: ['https://page.example'],
    snapshots: { latest: () => snapshot },
    scheduler: {
      status: () => ({
        running: undefined,
        failure: undefined,
        lastFinishedAt: undefined,
        recrawlQueueLength: 0,
        nextAt: 0,
      }),
      request: () => 'started',
      stats: () => NOTHING_CRAWLED,
    },
    notifications: { changed() {}, pulled() {} },
    events: { secret: 'the secret of the events' },
    metrics: { isEnabled: false, token: undefined, namespacesLimit: 0, repositoriesLimit: 0 },
    clock: Date.now,
    directory: {
      async authenticate(user, password) {
        asked.push(user);
        return password === 'right';
      },
    },
    tokens: {
      expiresInSeconds: 60,
      issue: async () => TOKEN,
      verify: async (token) => (token === TOKEN ? { user: 'alice' } : undefined),
      recall: (token) => (token === TOKEN ? { user: 'alice' } : undefined),
    },
    log,
    front: { ...NO_ADMISSION_LIMITS, steadyClock: () => clock.now, ...front },
    ...further,
  });
  const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
  return { server, port: Number(port), asked, log: lines, clock, close: () => server.close() };
}

export interface Answer {
  readonly status: number;
  /** In lower case; of several of a name the last one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Everything that came, as it came. */
  readonly text: string;
}

/** Sends that text as it is, and reads until the other side has closed. */
export async function talk(port: number, text: string | Buffer, localAddress = '127.0.0.1'): Promise<Answer> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined); // what has come until then is the answer
  socket.write(text);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return answerOf(Buffer.concat(chunks).toString('utf8'));
}

export function answerOf(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]),
    headers: Object.fromEntries(headers),
    body: end === -1 ? '' : text.slice(end + 4),
    text,
  };
}

/** A request as clients send it, for one answer; headers are added, or replaced by those given. */
export function get(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): string {
  const all = { Host: 'localhost', Authorization: `Bearer ${TOKEN}`, Connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${PREFIX}${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
