import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import type { FastifyInstance } from 'fastify';
import { PREFIX } from './series.ts';
import { whenAnswered } from './when-answered.ts';

/** From an answer out of memory to a page that takes too long. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Nobody can make more series than there are paths and methods of ours. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'POST']);
const OTHER = 'other';

/** The requests that are answered, by the path as it is routed. */
export function countRequests(server: FastifyInstance, registry: Registry): void {
  const requests = new Counter({
    name: `${PREFIX}http_requests_total`,
    help: 'Requests answered, by the path below the prefix, the method and the status.',
    labelNames: ['route', 'method', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route', 'method'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  whenAnswered(server, (request, reply, { status }) => {
    const route = request.route ?? OTHER;
    const method = METHODS.has(request.method) ? request.method : OTHER;
    requests.inc({ route, method, status: String(status) });
    durations.observe({ route, method }, reply.elapsedTime / 1000);
  });
}
