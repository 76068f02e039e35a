import { decodeName, decodeSegment, encodeSegment, fillPath } from '../../hal/links.ts';
import type { Representation } from '../../hal/representation.ts';
import { parametersIn, rootOf } from '../../route-table.ts';
import type { Collection, CollectionContext, ResourceDescriptor } from '../descriptor.ts';

/** The resources whose paths begin with the same literal and a name, such as `/repositories/{repository}`. */
export interface ResourceGroup {
  /** Such as `/repositories`. */
  readonly root: string;
  /** The one with the longest name, and so the fewest segments behind it, first. */
  readonly resources: readonly NamedResource[];
}

interface NamedResource {
  readonly resource: ResourceDescriptor;
  /** The segments behind the first name: literals, and parameters in braces. */
  readonly behind: readonly string[];
  /** Matches a decoded path, with a group for each parameter. */
  readonly pattern: RegExp;
}

/** A resource that a path names. */
export interface FoundResource {
  readonly descriptor: ResourceDescriptor;
  readonly names: readonly string[];
  readonly found: Collection | (() => Representation);
}

export function groupResources(resources: readonly ResourceDescriptor[]): readonly ResourceGroup[] {
  const named = resources.filter(({ path }) => parametersIn(path).length > 0);
  const byRoot = Map.groupBy(named, ({ path }) => rootOf(path));
  return [...byRoot].map(([root, own]) => ({
    root,
    resources: own.map((one) => namedResource(one, root)).sort((a, b) => a.behind.length - b.behind.length),
  }));
}

function namedResource(resource: ResourceDescriptor, root: string): NamedResource {
  const [first = '', ...behind] = resource.path.slice(root.length + 1).split('/');
  const pattern = [first, ...behind].map((segment) => (isParameter(segment) ? '(.+?)' : segment)).join('/');
  return { resource, behind, pattern: new RegExp(`^${pattern}$`, 's') };
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{');
}

/** Returns a resource, or undefined if the snapshot has none of those names. */
export function findResource(
  descriptor: ResourceDescriptor,
  names: readonly string[],
  context: CollectionContext,
): FoundResource | undefined {
  const found = descriptor.kind === 'collection' ? descriptor.open(names, context) : descriptor.find(names, context);
  return found && { descriptor, names, found };
}

/**
 * Returns all resources that a path may mean, the longest name first. A client writes a name as one encoded segment, but some proxies decode it
 * on the way: then `a/tags` is the repository of that name as well as the tags of the repository `a`, and the client has to choose.
 *
 * @param path the path behind the root, as in the request, not decoded
 * @param isExact true if no proxy has decoded the path
 */
export function resolvePath(
  path: string,
  { resources }: ResourceGroup,
  isExact: boolean,
  context: CollectionContext,
): readonly FoundResource[] {
  const segments = path.split('/');
  const hasSeveral = resources.length > 1;
  const isOneSegment = hasSeveral && (isExact || /%2f/i.test(segments[0] ?? ''));
  return resources.flatMap(({ resource, behind }) => {
    const nameLength = segments.length - behind.length;
    if (nameLength < 1 || (isOneSegment && nameLength > 1)) return [];
    const names = namesIn(segments, nameLength, behind);
    return (names && findResource(resource, names, context)) ?? [];
  });
}

/** Returns all resources whose literals are in a path, whether they exist or not. */
export function candidatesFor(path: string, { resources }: ResourceGroup): readonly ResourceDescriptor[] {
  const segments = path.split('/');
  const isOneSegment = resources.length > 1 && /%2f/i.test(segments[0] ?? '');
  const isCandidate = ({ behind }: NamedResource): boolean => {
    const nameLength = segments.length - behind.length;
    return (isOneSegment ? nameLength === 1 : nameLength >= 1) && namesIn(segments, nameLength, behind) !== undefined;
  };
  return resources.filter(isCandidate).map(({ resource }) => resource);
}

/** Returns the names in a path, or undefined if its literals are others. */
function namesIn(
  segments: readonly string[],
  nameLength: number,
  behind: readonly string[],
): readonly string[] | undefined {
  const names = [decodeName(segments.slice(0, nameLength).join('/'))];
  for (const [i, wanted] of behind.entries()) {
    const segment = segments[nameLength + i] ?? '';
    if (isParameter(wanted)) names.push(decodeSegment(segment));
    else if (segment !== wanted) return undefined;
  }
  return names;
}

/** More than the names of a repository, a tag and a blob together. To look for literals takes a time that grows with the square of the length. */
const MAX_LENGTH_OF_NAMES = 1024;

/**
 * Returns the path of a resource that does not exist: the one that was asked for if its name is one encoded segment, and otherwise the one that the client
 * most likely meant, with each literal where it comes first.
 */
export function describeMissing(path: string, { root, resources }: ResourceGroup): string {
  const segments = path.split('/');
  for (const { resource, behind } of /%2f/i.test(segments[0] ?? '') ? resources : []) {
    const names = segments.length === behind.length + 1 ? namesIn(segments, 1, behind) : undefined;
    if (names !== undefined) return fillPath(resource.path, names);
  }
  const plain = decodeName(path);
  const candidates = plain.length > MAX_LENGTH_OF_NAMES ? [] : resources.toReversed();
  for (const { resource, pattern } of candidates) {
    const [, ...names] = pattern.exec(plain) ?? [];
    if (names.length > 0) return fillPath(resource.path, names);
  }
  return `${root}/${encodeSegment(plain)}`;
}
