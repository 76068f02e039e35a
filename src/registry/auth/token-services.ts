import type { RepositoryName } from '../../domain/names.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { TokenLessons, TokenServiceOptions } from './registry-token.ts';
import { type BearerScheme, type ChallengeOptions, schemeKey } from './scheme.ts';
import { createTokenGate } from './token-gate.ts';
import { createTokenService, type TokenService } from './token-service.ts';

/** The token services that a registry names: mostly one. */
export interface TokenServices {
  /** Drops all tokens, and the announced repositories. The lessons about the services stay. */
  begin(): void;
  of(scheme: BearerScheme): TokenService;
  /** Announces repositories to all of them, to those named later too. */
  expect(repositories: readonly RepositoryName[]): void;
}

/** A registry that names more of them may name a new one in each answer. */
const MOST_SERVICES = 16;

export function createTokenServices(
  http: HttpClient,
  options: ChallengeOptions & Pick<TokenServiceOptions, 'steadyClock'>,
): TokenServices {
  const gate = createTokenGate(options.steadyClock);
  const services = new Map<string, TokenService>();
  const lessons = new Map<string, TokenLessons>();
  const announced = new Set<RepositoryName>();

  function create({ realm, service }: BearerScheme, key: string): TokenService {
    if (services.size >= MOST_SERVICES) services.clear();
    if (lessons.size >= MOST_SERVICES) lessons.clear();
    const learned = lessons.get(key) ?? {};
    lessons.set(key, learned);
    const created = createTokenService(http, { ...options, realm, service, gate, lessons: learned });
    created.expect([...announced]);
    services.set(key, created);
    return created;
  }

  return {
    begin() {
      services.clear();
      announced.clear();
    },
    of(scheme) {
      const key = schemeKey(scheme);
      return services.get(key) ?? create(scheme, key);
    },
    expect(repositories) {
      for (const repository of repositories) announced.add(repository);
      for (const service of services.values()) service.expect(repositories);
    },
  };
}
