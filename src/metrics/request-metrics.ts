import { Counter, Histogram, type HistogramConfiguration, type Registry } from '@prometheus-io/client';
import type { TrackedRequests } from '../http/request-lifecycle.ts';
import { PREFIX } from './gauges.ts';

/** From an answer out of memory to a page that takes too long. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Nobody can make more series than there are paths and methods of ours. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'POST']);
const OTHER = 'other';

/** The requests of one route and method. */
interface Tally {
  readonly labels: { readonly route: string; readonly method: string };
  readonly countByStatus: Map<number, number>;
  /** How many took longer than the bound before, and not longer than this one; behind the last bound the rest. */
  readonly counts: number[];
  count: number;
  seconds: number;
}

/** The requests that are answered, by the path as it is routed. */
export function addRequestMetrics({ whenAnswered }: TrackedRequests, registry: Registry): void {
  const tallies = new Map<string, Map<string, Tally>>();
  const all = () => [...tallies.values()].flatMap((ofRoute) => [...ofRoute.values()]);
  const register = { registers: [registry] };
  new Counter({
    name: `${PREFIX}http_requests_total`,
    help: 'Requests answered, by the path below the prefix, the method and the status.',
    labelNames: ['route', 'method', 'status'],
    collect() {
      this.reset();
      for (const { labels, countByStatus } of all())
        for (const [status, count] of countByStatus) this.inc({ ...labels, status: String(status) }, count);
    },
    ...register,
  });
  new TalliedDurations(all, {
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route', 'method'],
    ...register,
  });
  whenAnswered(({ route = OTHER, raw: { method = OTHER } }, { status, elapsedMs }) => {
    const ofRoute = valueAt(tallies, route, () => new Map<string, Tally>());
    const known = METHODS.has(method) ? method : OTHER;
    const tally = valueAt(ofRoute, known, () => createCrawlStats(route, known));
    add(tally, status, elapsedMs / 1000);
  });
}

function valueAt<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function createCrawlStats(route: string, method: string): Tally {
  const counts = new Array<number>(BUCKETS_SECONDS.length + 1).fill(0);
  return { labels: { route, method }, countByStatus: new Map(), counts, count: 0, seconds: 0 };
}

function add(tally: Tally, status: number, seconds: number): void {
  const bucket = BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
  const at = bucket === -1 ? BUCKETS_SECONDS.length : bucket;
  tally.counts[at] = (tally.counts[at] ?? 0) + 1;
  tally.count++;
  tally.seconds += seconds;
  tally.countByStatus.set(status, (tally.countByStatus.get(status) ?? 0) + 1);
}

type Label = 'route' | 'method' | 'le';
type Options = HistogramConfiguration<Label>;
type Values = Awaited<ReturnType<Histogram<Label>['get']>>['values'];

/** Tells what was counted elsewhere: to look the series of a library up, twice a request, takes a tenth of what a small answer takes. */
class TalliedDurations extends Histogram<Label> {
  readonly #options: Options;
  readonly #tallies: () => Iterable<Tally>;

  constructor(tallies: () => Iterable<Tally>, options: Options) {
    super({ ...options, buckets: BUCKETS_SECONDS });
    this.#options = options;
    this.#tallies = tallies;
  }

  /** What the library asks for, in place of what it has counted itself: nothing. */
  async getForPromString(): Promise<{ name: string; help: string; type: string; values: Values }> {
    const { name, help } = this.#options;
    return { name, help, type: 'histogram', values: [...this.#tallies()].flatMap((tally) => valuesOf(name, tally)) };
  }
}

function valuesOf(name: string, { labels, counts, count, seconds }: Tally): Values {
  let below = 0;
  const buckets = BUCKETS_SECONDS.map((le, at) => {
    below += counts[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
