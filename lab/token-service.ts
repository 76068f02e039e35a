import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCertificate } from './certificate.ts';
import { serve } from './serve.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';
import { type Access, createSigner, ISSUER, SERVICE } from './token-signer.ts';

/* A stand-in for GitLab's token service, `GET /jwt/auth` (JwtController and ContainerRegistryAuthenticationService). It has the same status
 * codes, omits denied scopes without an error, and fails in the same cases. */

export interface LabUser {
  readonly username: string;
  readonly accessToken: string;
  readonly isAdmin: boolean;
  /** Returns whether the user may read a repository. By default, users may read all. */
  readonly mayPull?: (repository: string) => boolean;
}

/** The faults to inject, until a test changes them. */
export interface TokenFaults {
  /** If set, the service answers every request with this status. */
  status?: number | undefined;
  delayMs?: number | undefined;
}

export interface LabTokenService {
  readonly url: string;
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly certificateFile: string;
  readonly faults: TokenFaults;
  lifetimeSeconds: number;
  /** The requested scopes of each request so far. */
  readonly requests: readonly (readonly string[])[];
  /** Returns a token with any access, for the lab itself, for example to push. */
  mint(access: readonly Access[], user?: string): Promise<string>;
  stop(): Promise<void>;
}

/** @param isPublic returns whether clients without credentials may read a repository */
export function startTokenService(
  users: readonly LabUser[],
  isPublic: (repository: string) => boolean = () => false,
): Promise<LabTokenService> {
  const anonymous: LabUser = { username: '', accessToken: '', isAdmin: false, mayPull: isPublic };
  return inNewDirectory('token-service', (directory) => startTokenServiceIn(directory, users, anonymous));
}

async function startTokenServiceIn(
  directory: string,
  users: readonly LabUser[],
  anonymous: LabUser,
): Promise<LabTokenService> {
  const certificate = await makeCertificate(directory, ['DNS:localhost']);
  const sign = await createSigner(certificate);
  const requests: (readonly string[])[] = [];
  const faults: TokenFaults = {};

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://lab.invalid');
    const scopes = url.searchParams.getAll('scope').flatMap((scope) => scope.split(' ').filter(Boolean));
    requests.push(scopes);
    if (faults.delayMs !== undefined) await sleep(faults.delayMs);
    const [status, body] =
      faults.status !== undefined
        ? [faults.status, error('UNAVAILABLE', 'fault')]
        : await respond(request, url, scopes);
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body));
  }

  async function respond(
    request: IncomingMessage,
    url: URL,
    scopes: readonly string[],
  ): Promise<readonly [number, object?]> {
    if (request.method !== 'GET' || url.pathname !== '/jwt/auth') return [404];
    if (url.searchParams.get('service') !== SERVICE) return [404];
    const user = identify(request.headers.authorization, users);
    if (user === 'wrong') return [401, error('UNAUTHORIZED', 'HTTP Basic: Access denied')];
    if (scopes.some((scope) => scope.split(':').length < 3)) return [500];
    const access = scopes.flatMap((scope) => grant(scope, user ?? anonymous));
    if (user === undefined && access.length === 0) return [403, error('DENIED', 'access forbidden')];
    return [200, { token: await service.mint(access, user?.username) }];
  }

  const { url, stop } = await serve((request, response) => void answer(request, response));
  const service: LabTokenService = {
    url,
    realm: `${url}/jwt/auth`,
    service: SERVICE,
    issuer: ISSUER,
    certificateFile: certificate.certificateFile,
    faults,
    lifetimeSeconds: 300,
    requests,
    mint: (access, user = 'lab') => sign({ access, user, lifetimeSeconds: service.lifetimeSeconds }),
    async stop() {
      await stop();
      await removeDirectory(directory);
    },
  };
  return service;
}

/** Returns the user of a personal access token. GitLab ignores the user name that is sent with the token. */
function identify(header: string | undefined, users: readonly LabUser[]): LabUser | 'wrong' | undefined {
  if (header === undefined) return undefined;
  const text = Buffer.from(header.replace(/^basic /i, ''), 'base64').toString();
  const password = text.slice(text.indexOf(':') + 1);
  return users.find((user) => user.accessToken === password) ?? 'wrong';
}

/** Returns the granted part of a scope and omits the rest. Repository names become lower case, and `*` is dropped. */
function grant(scope: string, user: LabUser): readonly Access[] {
  const [type = '', name = '', actions = ''] = scope.split(':');
  if (type === 'registry')
    return user.isAdmin && name === 'catalog' && actions === '*' ? [{ type, name, actions: ['*'] }] : [];
  const repository = name.toLowerCase();
  const mayPull = actions.split(',').includes('pull') && (user.mayPull?.(repository) ?? true);
  return mayPull ? [{ type, name: repository, actions: ['pull'] }] : [];
}

function error(code: string, message: string): object {
  return { errors: [{ code, message }] };
}
