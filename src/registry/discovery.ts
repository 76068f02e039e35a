import { parseRepositoryName, type RepositoryName } from '../domain/names.ts';
import type { IllegalName } from '../ports.ts';
import { RegistryError } from './errors.ts';
import { createGlob, isGlob } from './glob.ts';
import { createIllegalNames } from './illegal-names.ts';

export interface DiscoveryOptions {
  /** Who says which repositories there are; `auto` is the catalogue where it is granted, else GitLab. */
  readonly discovery?: 'auto' | 'catalog' | 'gitlab' | 'list';
  /** Paths of the groups or projects whose repositories GitLab is asked for; all that the user is a member of without any. */
  readonly groups?: readonly string[];
  /** For `list`: names, and patterns for them (glob.ts). */
  readonly repositories?: readonly string[];
  /** Patterns of the repositories to read; all without any. */
  readonly include?: readonly string[];
  /** Patterns of the repositories to leave out, which counts more. */
  readonly exclude?: readonly string[];
  /** Told each time that GitLab is asked since the catalogue is not granted, and why it is not: GitLab lists only what its user is a member of. */
  readonly onGitlabInstead?: (reason: string) => void;
}

/** Names as somebody lists them, page by page; some may come twice. Throws a `RegistryError` where the list is not granted, or not whole. */
export type NameSource = (signal: AbortSignal) => AsyncIterable<readonly string[]>;

export interface NameSources {
  readonly catalog: NameSource;
  /** Undefined where there is no GitLab to ask. */
  readonly gitlab: NameSource | undefined;
}

/** The repositories to read, each once, page by page. A list that is not granted is an error, and never an empty registry. */
export async function* discover(
  sources: NameSources,
  options: DiscoveryOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly (RepositoryName | IllegalName)[]> {
  const isLetIn = createFilter(options);
  const seen = new Set<string>();
  const illegal = createIllegalNames();
  for await (const page of listed(sources, options, signal)) {
    yield page.flatMap((text) => {
      if (seen.has(text) || !isLetIn(text)) return [];
      const name = parseRepositoryName(text);
      if (name === undefined) return illegal.take(text) ?? [];
      seen.add(name);
      return name;
    });
  }
}

function createFilter({ include = [], exclude = [] }: DiscoveryOptions): (name: string) => boolean {
  const [included, excluded] = [anyOf(include), anyOf(exclude)];
  return (name) => (include.length === 0 || included(name)) && !excluded(name);
}

/** Whether a name that was not listed may be one of those that would be. */
export function createWanted(options: DiscoveryOptions): (name: string) => boolean {
  const isLetIn = createFilter(options);
  const mayBeListed = createMayBeListed(options);
  return (name) => isLetIn(name) && mayBeListed(name);
}

/** Whether the configuration writes out that name, so that it is read without anybody having listed it. */
export function createWrittenOut({ discovery, repositories = [] }: DiscoveryOptions): (name: string) => boolean {
  const names = new Set(discovery === 'list' ? repositories : []);
  return (name) => names.has(name);
}

function createMayBeListed({ discovery, repositories = [], groups = [] }: DiscoveryOptions): (name: string) => boolean {
  if (discovery === 'list') return anyOf(repositories);
  if (discovery === 'gitlab' && groups.length > 0) return belowAnyOf(groups);
  return () => true;
}

/** Whether a name is one of these paths of GitLab or lies below one. GitLab takes a number for an id, of which a name says nothing. */
function belowAnyOf(groups: readonly string[]): (name: string) => boolean {
  if (groups.some((group) => /^\d+$/.test(group))) return () => true;
  const paths = groups.map((group) => `${group.toLowerCase()}/`); // in the registry all names are in lower case
  return (name) => paths.some((path) => `${name}/`.startsWith(path));
}

function listed(
  sources: NameSources,
  options: DiscoveryOptions,
  signal: AbortSignal,
): AsyncIterable<readonly string[]> {
  switch (options.discovery) {
    case 'catalog':
      return sources.catalog(signal);
    case 'gitlab':
      if (sources.gitlab === undefined)
        throw new TypeError('GitLab is to be asked, and its URL or an access token is missing');
      return sources.gitlab(signal);
    case 'list':
      return named(sources, options, signal);
    default:
      return granted(sources, options, signal);
  }
}

/** The names that are written out, and what fits the patterns: only for those is anybody asked. */
async function* named(
  sources: NameSources,
  options: DiscoveryOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const { repositories = [] } = options;
  yield repositories.filter((text) => !isGlob(text));
  const patterns = repositories.filter(isGlob);
  if (patterns.length === 0) return;
  const fits = anyOf(patterns);
  for await (const page of granted(sources, options, signal)) yield page.filter(fits);
}

/** The catalogue, or where it is not granted what GitLab lists. */
async function* granted(
  sources: NameSources,
  { onGitlabInstead }: DiscoveryOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  let isGranted = false;
  try {
    for await (const page of sources.catalog(signal)) {
      isGranted = true;
      yield page;
    }
  } catch (refusal) {
    if (isGranted || !(refusal instanceof RegistryError) || refusal.kind !== 'forbidden') throw refusal;
    if (sources.gitlab !== undefined) onGitlabInstead?.(refusal.reason);
    yield* insteadOf(refusal, sources.gitlab, signal);
  }
}

async function* insteadOf(
  refusal: RegistryError,
  gitlab: NameSource | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  if (gitlab === undefined) throw refusal.because(`${refusal.reason}; with discovery = list they can be named`);
  try {
    yield* gitlab(signal);
  } catch (failure) {
    throw failure instanceof RegistryError ? failure.because(`${refusal.reason}; and ${failure.reason}`) : failure;
  }
}

function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map(createGlob);
  return (name) => globs.some((glob) => glob(name));
}
