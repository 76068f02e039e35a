import type { FastifyInstance } from 'fastify';
import { bearerToken, createSecretCheck } from '../http/authorization.ts';
import { sendProblem, unauthorized } from '../http/problems.ts';
import { qualityValues } from '../lib/quality-values.ts';
import type { Metrics, MetricsFormat } from '../ports.ts';
import { PATHS } from './route-table.ts';

export interface MetricsEndpointOptions {
  readonly prefix: string;
  /** Undefined if there is no such path. */
  readonly metrics: Metrics | undefined;
  /** The token that Prometheus must send; undefined if it needs none. */
  readonly metricsToken: string | undefined;
}

/** Adds `GET /metrics`. */
export function addMetrics(server: FastifyInstance, { prefix, metrics, metricsToken }: MetricsEndpointOptions): void {
  if (metrics === undefined) return;
  const isAllowed = metricsToken === undefined ? () => true : createSecretCheck(metricsToken);

  server.get(prefix + PATHS.metrics, async (request, reply) => {
    const { accept, authorization } = request.headers;
    if (!isAllowed(authorization)) return sendProblem(reply, refusal(authorization));
    const { contentType, text } = await metrics.render(formatFor(accept));
    return reply.header('cache-control', 'no-store').type(contentType).send(text);
  });
}

function refusal(authorization: string | undefined) {
  const detail = 'The Authorization header must contain the token of the section [metrics]';
  return unauthorized(detail, bearerToken(authorization) !== undefined);
}

function formatFor(accept: string | undefined): MetricsFormat {
  const weights = qualityValues(accept);
  const open = weights.get('application/openmetrics-text') ?? 0;
  const plain = weights.get('text/plain') ?? weights.get('text/*') ?? weights.get('*/*') ?? 0;
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus';
}
