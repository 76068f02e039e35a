import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../ports.ts';
import { pathOf } from './access-log.ts';
import { type Admission, type Admit, accessOf, isHandledBy, type Route, type RouteTable } from './admission.ts';
import { clientAddress } from './client-address.ts';
import { notFound, sendProblem } from './problems.ts';

export interface AdmissionHookOptions {
  readonly admit: Admit;
  readonly routeAt: RouteTable;
  /** Returns the admission of a request that was admitted before it was routed. */
  readonly admittedBefore: (request: IncomingMessage) => ReturnType<Admit> | undefined;
  readonly hasProxies: boolean;
  readonly log: Log;
}

/** Refuses the requests that may not be handled, before their bodies are read. */
export function addAdmissionHook(server: FastifyInstance, options: AdmissionHookOptions): void {
  const { admit, routeAt, admittedBefore, hasProxies, log } = options;
  const noteForwardedFor = hasProxies ? () => undefined : createForwardedForNote(log);

  // Hooks call back: a promise would cost every request time.
  server.addHook('onRequest', (request, reply, done) => {
    const route = routeAt(pathOf(request.raw));
    request.route = route?.label;
    noteForwardedFor(request);
    const proceed = (admission: Admission): void => {
      if (!applyAdmission(admission, request, reply)) return;
      if (isHandledBy(route, request.method)) done();
      else refuseUnhandled(route, request, reply);
    };
    const admission =
      admittedBefore(request.raw) ?? admit(request.raw, clientAddress(request), accessOf(route, request.method));
    if (admission instanceof Promise) admission.then(proceed).catch((error: unknown) => reply.send(error));
    else proceed(admission);
  });
}

function applyAdmission(admission: Admission, request: FastifyRequest, reply: FastifyReply): boolean {
  if (admission.headers !== undefined) void reply.headers(admission.headers);
  if (admission.status === 'refused') {
    void sendProblem(reply, admission.problem);
    return false;
  }
  const { principal } = admission;
  if (principal !== undefined) {
    request.user = principal.name;
    request.principalKey = principal.key;
    request.visibility = principal.visibility;
  }
  return true;
}

function refuseUnhandled(route: Route | undefined, request: FastifyRequest, reply: FastifyReply): void {
  if (route === undefined) {
    void sendProblem(reply, notFound(pathOf(request.raw)));
    return;
  }
  const { methods } = route;
  const reading = methods.includes('GET') ? ['GET', 'HEAD'] : [];
  const allow = [...reading, 'OPTIONS', ...methods.filter((method) => method !== 'GET')].join(', ');
  if (request.method === 'OPTIONS') void reply.code(200).header('allow', allow).send();
  else {
    const detail = 'The method is not allowed for the requested URL.';
    void sendProblem(reply, { status: 405, detail, headers: { allow } });
  }
}

/** Behind a proxy that the configuration does not name, all clients share the limits of the proxy's address. Logged once: any client can send the header. */
function createForwardedForNote(log: Log): (request: FastifyRequest) => void {
  let isLogged = false;
  return ({ headers, ip }) => {
    if (isLogged || headers['x-forwarded-for'] === undefined) return;
    isLogged = true;
    log.info(
      { ip, advice: 'if this is the address of your proxy, add it to [general] trust_proxy' },
      'X-Forwarded-For ignored',
    );
  };
}
