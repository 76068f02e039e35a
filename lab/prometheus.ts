import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startListening } from './child.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** Debian's Prometheus. */
export interface LabPrometheus {
  /** Runs a PromQL query and returns its current values with their labels. */
  query(expression: string): Promise<readonly Sample[]>;
  /** Returns the health of the only target: `up`, or the last error. */
  targetHealth(): Promise<string>;
  /** Returns the names of the loaded alerts. */
  alerts(): Promise<readonly string[]>;
  output(): string;
  stop(): Promise<void>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * @param config the YAML of `prometheus.yml`
 * @param rules the YAML of the alert rules
 */
export function startPrometheus(config: string, rules: string): Promise<LabPrometheus> {
  return inNewDirectory('prometheus', async (directory) => {
    const [configFile, rulesFile] = [join(directory, 'prometheus.yml'), join(directory, 'rules.yml')];
    await writeFile(configFile, `${config}\nrule_files: [${rulesFile}]\n`);
    await writeFile(rulesFile, rules);
    const port = await freePort();
    const child = await startListening(
      '/usr/bin/prometheus',
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      port,
    );
    async function ask<T>(path: string): Promise<T> {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
      return ((await answer.json()) as { data: T }).data;
    }
    return {
      async query(expression) {
        const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
          `query?query=${encodeURIComponent(expression)}`,
        );
        return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
      },
      async targetHealth() {
        const { activeTargets } = await ask<{ activeTargets: { health: string; lastError: string }[] }>('targets');
        return activeTargets.map(({ health, lastError }) => lastError || health).join();
      },
      async alerts() {
        const { groups } = await ask<{ groups: { rules: { name: string }[] }[] }>('rules');
        return groups.flatMap(({ rules }) => rules.map(({ name }) => name));
      },
      output: child.output,
      async stop() {
        await child.stop();
        await removeDirectory(directory);
      },
    };
  });
}
