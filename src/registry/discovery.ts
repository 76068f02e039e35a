import { parseRepositoryName, type RepositoryName } from '../domain/names.ts';
import type { CutList, IllegalName } from '../ports.ts';
import { RegistryError } from './errors.ts';
import { createGlob, isGlob } from './glob.ts';
import { createIllegalNames } from './illegal-names.ts';

export interface DiscoveryOptions {
  /** The source of the list of repositories. `auto` is the catalogue if the user may list it, and otherwise GitLab. */
  readonly discovery?: 'auto' | 'catalog' | 'gitlab' | 'list';
  /** Paths of the groups or projects whose repositories GitLab lists; if empty, all projects of the user. */
  readonly groups?: readonly string[];
  /** For `list`: names and patterns (glob.ts). */
  readonly repositories?: readonly string[];
  /** Patterns of the repositories to read; all if empty. */
  readonly include?: readonly string[];
  /** Patterns of the repositories not to read; takes precedence over `include`. */
  readonly exclude?: readonly string[];
  /** Called each time that GitLab lists the repositories because the catalogue is denied, with the reason: GitLab lists only projects of its user. */
  readonly onGitlabFallback?: (reason: string) => void;
}

/** Lists names page by page, possibly with duplicates. Throws a `RegistryError` if the list is denied or a page cannot be read. */
export type NameSource = (signal: AbortSignal) => AsyncIterable<NamePage>;
type NamePage = readonly (string | CutList)[];

export interface NameSources {
  readonly catalog: NameSource;
  /** Undefined without GitLab. */
  readonly gitlab: NameSource | undefined;
}

/** Lists the repositories to read, each once, page by page. If the list is denied, it throws: an empty list would look like an empty registry. */
export async function* discover(
  sources: NameSources,
  options: DiscoveryOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly (RepositoryName | IllegalName | CutList)[]> {
  const isSelected = createFilter(options);
  const seen = new Set<string>();
  const illegal = createIllegalNames();
  for await (const page of listed(sources, options, signal)) {
    yield page.flatMap((text) => {
      if (typeof text !== 'string') return text;
      if (seen.has(text) || !isSelected(text)) return [];
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

/** Returns whether a name that was not listed could have been. */
export function createNameFilter(options: DiscoveryOptions): (name: string) => boolean {
  const isSelected = createFilter(options);
  const mayBeListed = createMayBeListed(options);
  return (name) => isSelected(name) && mayBeListed(name);
}

/** Returns whether the configuration contains this name itself, so that it is read without being listed. */
export function createConfiguredNames({ discovery, repositories = [] }: DiscoveryOptions): (name: string) => boolean {
  const names = new Set(discovery === 'list' ? repositories : []);
  return (name) => names.has(name);
}

function createMayBeListed({ discovery, repositories = [], groups = [] }: DiscoveryOptions): (name: string) => boolean {
  if (discovery === 'list') return anyOf(repositories);
  if (discovery === 'gitlab' && groups.length > 0) return belowAnyOf(groups);
  return () => true;
}

/** Returns whether a name is one of these GitLab paths or below one. GitLab also accepts numeric ids, which say nothing about names. */
function belowAnyOf(groups: readonly string[]): (name: string) => boolean {
  if (groups.some((group) => /^\d+$/.test(group))) return () => true;
  const paths = groups.map((group) => `${group.toLowerCase()}/`); // registry names are in lower case
  return (name) => paths.some((path) => `${name}/`.startsWith(path));
}

function listed(sources: NameSources, options: DiscoveryOptions, signal: AbortSignal): AsyncIterable<NamePage> {
  switch (options.discovery) {
    case 'catalog':
      return catalogue(sources, signal);
    case 'gitlab':
      if (sources.gitlab === undefined)
        throw new TypeError('GitLab cannot list the repositories: its URL or the access token is missing');
      return sources.gitlab(signal);
    case 'list':
      return named(sources, options, signal);
    default:
      return granted(sources, options, signal);
  }
}

/** Lists the configured names, and the names that match configured patterns: only patterns need a list. */
async function* named(sources: NameSources, options: DiscoveryOptions, signal: AbortSignal): AsyncGenerator<NamePage> {
  const { repositories = [] } = options;
  yield repositories.filter((text) => !isGlob(text));
  const patterns = repositories.filter(isGlob);
  if (patterns.length === 0) return;
  const fits = anyOf(patterns);
  for await (const page of granted(sources, options, signal))
    yield page.filter((name) => typeof name !== 'string' || fits(name));
}

/** Lists the catalogue, or if the catalogue is denied the repositories that GitLab lists. */
async function* granted(
  sources: NameSources,
  { onGitlabFallback }: DiscoveryOptions,
  signal: AbortSignal,
): AsyncGenerator<NamePage> {
  let isGranted = false;
  try {
    for await (const page of catalogue(sources, signal)) {
      isGranted = true;
      yield page;
    }
  } catch (refusal) {
    if (isGranted || !(refusal instanceof RegistryError) || refusal.kind !== 'forbidden') throw refusal;
    if (sources.gitlab !== undefined) onGitlabFallback?.(refusal.reason);
    yield* insteadOf(refusal, sources.gitlab, signal);
  }
}

async function* insteadOf(
  refusal: RegistryError,
  gitlab: NameSource | undefined,
  signal: AbortSignal,
): AsyncGenerator<NamePage> {
  if (gitlab === undefined) throw refusal.because(`${refusal.reason}; ${adviceFor(gitlab)}`);
  try {
    yield* gitlab(signal);
  } catch (failure) {
    throw failure instanceof RegistryError ? failure.because(`${refusal.reason}; and ${failure.reason}`) : failure;
  }
}

/** Lists the catalogue. If the registry has none, the error says what to configure instead. */
async function* catalogue({ catalog, gitlab }: NameSources, signal: AbortSignal): AsyncGenerator<NamePage> {
  let isThere = false;
  try {
    for await (const page of catalog(signal)) {
      isThere = true;
      yield page;
    }
  } catch (failure) {
    if (isThere || !isWithoutCatalogue(failure)) throw failure;
    throw failure.because(
      `the registry has no catalogue, or a proxy hides it (${failure.reason}); ${adviceFor(gitlab)}`,
    );
  }
}

/** The catalogue is not part of the OCI specification: registries and proxies without one answer in many ways. */
const NO_CATALOGUE_STATUSES: ReadonlySet<number | undefined> = new Set([200, 404, 405, 410, 501]);
const NO_CATALOGUE_CODES: ReadonlySet<string | undefined> = new Set(['UNSUPPORTED', 'NAME_UNKNOWN', 'NAME_INVALID']);

function isWithoutCatalogue(failure: unknown): failure is RegistryError {
  if (!(failure instanceof RegistryError) || failure.kind !== 'unreadable') return false;
  return NO_CATALOGUE_STATUSES.has(failure.status) || NO_CATALOGUE_CODES.has(failure.registryCode);
}

function adviceFor(gitlab: NameSource | undefined): string {
  const advice = 'set [registry] discovery = list, and name the repositories in repositories';
  return gitlab === undefined ? advice : `set [registry] discovery = gitlab; or ${advice}`;
}

function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map(createGlob);
  return (name) => globs.some((glob) => glob(name));
}
