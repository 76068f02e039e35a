import { ALL_TAGS } from './all-tags.ts';
import { BLOB } from './blob.ts';
import { BLOBS } from './blobs.ts';
import type { ResourceDescriptor } from './descriptor.ts';
import { GAPS } from './gaps.ts';
import { NAMESPACE } from './namespace.ts';
import { NAMESPACES } from './namespaces.ts';
import { REPOSITORIES } from './repositories.ts';
import { REPOSITORY } from './repository.ts';
import { TAG } from './tag.ts';
import { TAG_BLOBS } from './tag-blobs.ts';
import { TAGS } from './tags.ts';

/**
 * All resources of a snapshot, in the order of their links in the entry point. To add one, add its descriptor: here if it is small, and otherwise in a
 * file of its own.
 */
export const RESOURCES: readonly ResourceDescriptor[] = [
  REPOSITORIES,
  REPOSITORY,
  TAGS,
  TAG,
  TAG_BLOBS,
  ALL_TAGS,
  NAMESPACES,
  NAMESPACE,
  BLOBS,
  BLOB,
  GAPS,
];
