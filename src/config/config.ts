import type { Engine } from '../domain/usage/garbage-collector.ts';
import { type AuthConfig, authConfigOf } from './auth.ts';
import { type HttpConfig, httpConfigOf } from './http.ts';
import type { LogLevel } from './keys/general-keys.ts';
import type { Proxies } from './proxies.ts';
import { directoryUrls } from './readers/directory-hosts.ts';
import type { UsedValues, Values } from './schema.ts';

/** The validated configuration, deeply frozen. Contains secrets: never log it. */
export interface Config {
  readonly general: GeneralConfig;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  /** Defined exactly if `ldap` is one of the methods of `auth`. */
  readonly ldap: LdapConfig | undefined;
  readonly jwt: JwtConfig;
  readonly registry: RegistryConfig;
  readonly events: EventsConfig;
  readonly metrics: MetricsConfig;
  readonly store: StoreConfig;
}

export interface GeneralConfig {
  /** An IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** '' or a path such as `/x/y`, without a trailing slash. */
  readonly prefix: string;
  readonly corsOrigins: '*' | readonly string[];
  readonly updateIntervalMs: number;
  readonly logLevel: LogLevel;
}

export interface LdapConfig {
  /** At least one, each `ldap://` or `ldaps://` with a host and optionally a port, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly baseDn: string;
  readonly usernameAttribute: string;
  readonly gidAttribute: string;
  readonly validGid: string;
  readonly nestedGroups: 'no' | 'in_chain' | 'walk';
  /** PEM; trusted in addition to the well-known authorities. */
  readonly ca: string | undefined;
  readonly verifyCertificate: boolean;
  /** True only if every URL is `ldap://`. */
  readonly startTls: boolean;
  /** Defined exactly if `bindPassword` is. */
  readonly bindDn: string | undefined;
  readonly bindPassword: string | undefined;
  readonly timeoutMs: number;
}

export interface JwtConfig {
  readonly expiresInSeconds: number;
  /** At least 32 bytes in UTF-8. */
  readonly secretKey: string;
  /** At least 32 bytes each. */
  readonly previousSecretKeys: readonly string[];
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

export interface RegistryConfig {
  /** With a trailing slash; undefined for a registry without GitLab. */
  readonly gitlabUrl: string | undefined;
  /** With a trailing slash. */
  readonly registryUrl: string;
  readonly username: string | undefined;
  /** Undefined if anonymous users may read the registry; always defined with GitLab. */
  readonly accessToken: string | undefined;
  readonly requestTimeoutMs: number;
  /** The number of concurrent requests while the registry is slow or rejects requests; at most `concurrencyMax`. */
  readonly concurrencyMin: number;
  /** The largest number of concurrent requests. */
  readonly concurrencyMax: number;
  /** 0 means no limit. */
  readonly requestsPerSecond: number;
  /** PEM; trusted in addition to the well-known authorities. */
  readonly ca: string | undefined;
  /** PEM; the key is that of the first certificate. */
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | undefined;
  /** From the environment. */
  readonly proxy: Proxies | undefined;
  /** The origins that may receive the credentials: those of the two URLs, then further ones. */
  readonly tokenOrigins: readonly string[];
  /** Whether to read image configs, for platforms and creation times. */
  readonly collectCreated: boolean;
  /** The time between two thorough crawls. */
  readonly thoroughIntervalMs: number;
  /** Whether the registry is a pull-through cache; `auto` finds out. */
  readonly pullThroughCache: Values['registry']['pull_through_cache'];
  /** How many layers and configs a thorough crawl asks the registry for; 0 means none. */
  readonly verifyBlobsPerCrawl: number;
  /** If a crawl finds less than this share of the last snapshot's tags, it fails. From 0 to 1. */
  readonly emptyGuard: number;
  readonly garbageCollector: Engine | 'auto';
  /** `gitlab` only if `gitlabUrl` is defined. */
  readonly discovery: Values['registry']['discovery'];
  /** Paths of groups and projects. */
  readonly groups: readonly string[];
  /** Names and patterns; at least one for `list`. */
  readonly repositories: readonly string[];
  /** Patterns; empty for all repositories. */
  readonly include: readonly string[];
  /** Patterns. */
  readonly exclude: readonly string[];
}

export interface EventsConfig {
  /** At least 16 bytes in UTF-8; undefined if `/events` does not exist. */
  readonly secret: string | undefined;
}

export interface MetricsConfig {
  readonly isEnabled: boolean;
  /** At least 16 bytes in UTF-8; undefined if every client may read the metrics. */
  readonly token: string | undefined;
  /** The largest number with metrics of their own. */
  readonly namespacesLimit: number;
  readonly repositoriesLimit: number;
}

export interface StoreConfig {
  /** Whether the file is the default. Then the service runs without it if it may not create it. */
  readonly isDefault: boolean;
  /** The path of an SQLite file, or `:memory:`. */
  readonly file: string;
  /** How long every snapshot is kept, and how long the last one of each day. */
  readonly retention: { readonly allMs: number; readonly dailyMs: number };
}

/** Facts that the values alone do not contain. */
interface Circumstances {
  readonly proxy: Proxies | undefined;
  readonly isDefaultStore: boolean;
}

export function configOf(
  { general, limits, auth, ldap, jwt, registry, store, events, metrics }: UsedValues,
  { proxy, isDefaultStore }: Circumstances,
): Config {
  return deepFreeze({
    general: {
      host: general.socket_host,
      port: general.socket_port,
      prefix: general.server_prefix,
      corsOrigins: general.cors_origins,
      updateIntervalMs: general.update_interval * 1000,
      logLevel: general.debug && general.log_level !== 'trace' ? 'debug' : general.log_level,
    },
    http: httpConfigOf({ general, limits }),
    auth: authConfigOf(auth),
    ldap: ldap && ldapOf(ldap),
    jwt: {
      expiresInSeconds: jwt.auth_token_expires,
      secretKey: jwt.secret_key,
      previousSecretKeys: jwt.previous_secret_keys,
      issuer: jwt.issuer,
      audience: jwt.audience,
    },
    registry: {
      gitlabUrl: registry.gitlab_base_url,
      registryUrl: registry.registry_base_url,
      username: registry.username,
      accessToken: registry.access_token,
      requestTimeoutMs: registry.request_timeout * 1000,
      concurrencyMin: registry.concurrency_min,
      concurrencyMax: registry.concurrency_max,
      requestsPerSecond: registry.requests_per_second,
      ca: registry.ca_file,
      clientCertificate: clientCertificate(registry),
      proxy,
      tokenOrigins: tokenOrigins(registry),
      collectCreated: registry.collect_created,
      emptyGuard: registry.empty_guard / 100,
      garbageCollector: registry.garbage_collector,
      thoroughIntervalMs: registry.thorough_interval * 1000,
      pullThroughCache: registry.pull_through_cache,
      verifyBlobsPerCrawl: registry.verify_blobs_per_crawl,
      discovery: registry.discovery,
      groups: registry.groups,
      repositories: registry.repositories,
      include: registry.include,
      exclude: registry.exclude,
    },
    events: { secret: events.secret },
    metrics: metricsOf(metrics),
    store: {
      file: store.url,
      isDefault: isDefaultStore,
      retention: { allMs: store.retention_all * 1000, dailyMs: store.retention_daily * 1000 },
    },
  });
}

function metricsOf({ enabled, token, namespaces_limit, repositories_limit }: Values['metrics']): MetricsConfig {
  return {
    isEnabled: enabled,
    token,
    namespacesLimit: namespaces_limit,
    repositoriesLimit: repositories_limit,
  };
}

function ldapOf(ldap: Values['ldap']): LdapConfig {
  return {
    urls: directoryUrls(ldap.host, ldap.start_tls),
    baseDn: ldap.base_dn,
    usernameAttribute: ldap.username_attribute,
    gidAttribute: ldap.gid_attribute,
    validGid: ldap.valid_gid,
    nestedGroups: ldap.nested_groups,
    ca: ldap.ca_file,
    verifyCertificate: ldap.verify_certificate,
    startTls: ldap.start_tls,
    bindDn: ldap.bind_dn,
    bindPassword: ldap.bind_password,
    timeoutMs: ldap.timeout * 1000,
  };
}

function clientCertificate({
  client_certificate,
  client_key,
}: Values['registry']): RegistryConfig['clientCertificate'] {
  if (client_certificate === undefined || client_key === undefined) return undefined;
  return { certificate: client_certificate, key: client_key };
}

function tokenOrigins(registry: Values['registry']): readonly string[] {
  const urls = [registry.gitlab_base_url, registry.registry_base_url].filter((url) => url !== undefined);
  return [...new Set([...urls.map((url) => new URL(url).origin), ...registry.token_origins])];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
