/* What members say on lines of their own, by the names that the API has for it everywhere: the columns of CSV, in their order. */

import { FIGURE_NAMES } from '../hal/represent-figures.ts';

export const REPOSITORY_COLUMNS: readonly string[] = ['name', ...FIGURE_NAMES, 'stale_since'];

export const TAG_COLUMNS: readonly string[] = [
  'name',
  ...FIGURE_NAMES,
  'status',
  'digest',
  'media_type',
  'kind',
  'subject',
  'platforms',
  'created_at',
  'last_pulled_at',
  'layers_count',
];

/** Where tags of several repositories are listed. */
export const HOLDER_COLUMNS: readonly string[] = ['repository', ...TAG_COLUMNS];

/** Of what is right below a namespace. */
export const CHILD_COLUMNS: readonly string[] = [
  'relation',
  'name',
  ...FIGURE_NAMES,
  'stale_since',
  'namespaces_count',
  'repositories_count',
];

export const BLOB_COLUMNS: readonly string[] = [
  'digest',
  'kind',
  'media_type',
  'bytes',
  'shared',
  'tags_count',
  'repositories_count',
  'complete',
];

export const TAG_BLOB_COLUMNS: readonly string[] = ['platforms', ...BLOB_COLUMNS];

export const GAP_COLUMNS: readonly string[] = ['repository', 'reference', 'code', 'reason', 'stale_since'];
