import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/* A program: a client that pipelines requests, all on one connection or spread over several.
 *
 *   node pipeliner.ts PORT TOKEN KIND REQUESTS CONNECTIONS SECONDS MODE
 *
 * MODE is `gone` (sends all requests, reads nothing and disconnects after the time) or `reads` (reads all responses until the time is over, and connects
 * again if it has got all of them). Prints the number of bytes that it has received. */

const ORDERS = [
  'size',
  'disk_size',
  'deduplicated_bytes',
  'reclaimable_bytes',
  'shared_bytes',
  'metadata_bytes',
  'layers_count',
];

type RequestAt = (i: number) => { readonly path: string; readonly accept: string };

const REQUESTS: ReadonlyMap<string, RequestAt> = new Map<string, RequestAt>(
  Object.entries({
    search: (i) => ({ path: `/tags?search=${encodeURIComponent(`*e*a*s?-*${i}*b*d*`)}&per_page=20`, accept: '*/*' }),
    order_by: (i) => ({
      path: `/tags?order_by=${ORDERS[i % ORDERS.length]}&search=${i}&sort=${i % 2 ? 'asc' : 'desc'}&per_page=1000&embed=1&links=true`,
      accept: '*/*',
    }),
    gaps: () => ({ path: '/gaps', accept: '*/*' }),
    csv: () => ({ path: '/tags', accept: 'text/csv' }),
  }),
);

const [, , port = '', token = '', kind = 'search', requests = '1000', connections = '1', seconds = '2', mode = 'gone'] =
  process.argv;
let received = 0;

const requestAt = REQUESTS.get(kind);
if (requestAt === undefined) throw new Error(`unknown kind ${kind}`);

function textOf({ path, accept }: ReturnType<RequestAt>): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nAccept: ${accept}\r\n\r\n`;
}

function attack(requestAt: RequestAt, first: number, count: number): Socket {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(Array.from({ length: count }, (_, i) => textOf(requestAt(first + i))).join(''));
  if (mode === 'gone') socket.pause();
  else socket.on('data', (chunk) => (received += chunk.length));
  return socket;
}

const perConnection = Math.ceil(Number(requests) / Number(connections));
const sockets = Array.from({ length: Number(connections) }, (_, i) =>
  attack(requestAt, i * perConnection, perConnection),
);
await sleep(Number(seconds) * 1000);
for (const socket of sockets) socket.destroy();
console.log(received);
