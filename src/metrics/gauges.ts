import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** What all names of ours begin with. They end in their unit, and in `_total` where they only grow (prometheus.io/docs/practices/naming). */
export const PREFIX = 'registry_usage_';

/** A number as it is when somebody asks. What is not known then has no series: a 0 would be a lie. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number | null | undefined): void {
  registry.registerMetric(
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [],
      collect() {
        const value = read();
        if (value == null) this.remove();
        else this.set(value);
      },
    }),
  );
}

/** A number that somebody else counts, from 0 at the start. */
export function addCounter(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Counter({
      name: PREFIX + name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    }),
  );
}

/** The same for several of a kind, each with its label. */
export function addCounters(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): void {
  registry.registerMetric(
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
      },
    }),
  );
}
