import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { onAbort } from '../../lib/abort-listeners.ts';
import { createFairQueue } from '../../lib/fair-queue.ts';
import { checkedSteps, type Resumable } from '../../lib/resumable.ts';
import { createTimeSlices, type SliceOwner, type TimeSlicesOptions } from '../../lib/time-slices.ts';
import { badRequest, type Problem, tooMany } from '../problems.ts';

/* Limits the work that users cause, however many requests they send:
 *
 *   request ──► one step at once ──► done? ──► response
 *                                      │ no
 *                                      └──► fair queue ──► time slices ──► response
 *                                           one a user,    5 ms in each turn of the event loop
 *                                           4 in all       for all users together
 *
 * Work ends when its client disconnects, wherever it is. */

/** The work of one request. */
export type Job = SliceOwner;

export interface BoundedWork {
  /**
   * Runs the steps in time slices, with one of few places. Rejects with a `WorkRefused` if all places are taken and the queue is full, or if the work
   * takes too many steps or too long; with `ClientGone` if the client disconnects.
   */
  run<T>(steps: Resumable<T>, job: Job): Promise<T>;
  /** Runs a task with one of the same places. The task runs its steps with the function that it gets. */
  hold<T>(job: Job, task: (run: RunSteps) => Promise<T>): Promise<T>;
  /** Runs the steps of the next part of a stream in time slices. A stream needs no place, since it may wait for its client for minutes. */
  runPart<T>(steps: Resumable<T>, job: Job): Promise<T>;
  /** Counts a stream, and returns a function to call at its end. Throws a `WorkRefused` if there are too many. */
  openStream(key: string): () => void;
}

export type RunSteps = <T>(steps: Resumable<T>, signal: AbortSignal) => Promise<T>;

export interface BoundedWorkOptions extends Pick<TimeSlicesOptions, 'steadyClock' | 'inNextTurn'> {
  readonly concurrency?: number;
  readonly queueLength?: number;
  readonly maxSteps?: number;
  readonly maxMs?: number;
}

const CONCURRENCY = 4;
const QUEUE_LENGTH = 64;
/** A step takes about 0.1 ms. To sort and search the names of a million tags takes some thousand steps. */
const MAX_STEPS = 300_000;
/** Since the request arrived: with the time in the queue, and that of other users' slices. */
const MAX_MS = 60_000;
const MAX_STREAMS = 128;
const MAX_STREAMS_PER_USER = 16;
const RETRY_AFTER_MS = 5000;

/** Work that the service does not do. */
export class WorkRefused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The client has disconnected, so no response needs the work. */
export class ClientGone extends Error {}

const busy = (): Error =>
  new WorkRefused({
    ...tooMany('The service is busy with searches, exports and large responses: retry later', RETRY_AFTER_MS),
    status: 503,
  });
const tooManyStreams = (): Error =>
  new WorkRefused(tooMany('Too many exports of this user are in progress: retry later', RETRY_AFTER_MS));
const tooMuch = (): Error =>
  new WorkRefused(badRequest('The request needs too much work: use a simpler search, or ask for a smaller collection'));

export function createBoundedWork(options: BoundedWorkOptions): BoundedWork {
  const { steadyClock, concurrency = CONCURRENCY, queueLength = QUEUE_LENGTH } = options;
  const { maxSteps = MAX_STEPS, maxMs = MAX_MS } = options;
  const places = createFairQueue({ concurrency, queueLength, concurrencyPerKey: 1 });
  const slices = createTimeSlices(options);

  /** Waits for a place. */
  async function enter({ key, signal }: Job): Promise<void> {
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(busy()), maxMs);
    const stopListening = onAbort(signal, () => waiting.abort(signal.reason));
    try {
      signal.throwIfAborted();
      if (!(await places.enter(key, waiting.signal))) throw busy();
    } finally {
      clearTimeout(timer);
      stopListening();
    }
  }

  async function hold<T>(job: Job, task: (run: RunSteps) => Promise<T>): Promise<T> {
    const { key } = job;
    const endAt = steadyClock() + maxMs;
    await enter(job);
    const check = (stepsDone: number): Error | undefined => {
      if (stepsDone >= maxSteps) return tooMuch();
      return steadyClock() > endAt ? busy() : undefined;
    };
    try {
      return await task((steps, signal) => slices.run(checkedSteps(steps, check), { key, signal }));
    } finally {
      places.leave(key);
    }
  }

  return {
    hold,
    run: (steps, job) => hold(job, (run) => run(steps, job.signal)),
    runPart: (steps, job) => slices.run(steps, job),
    openStream: createStreamCount(),
  };
}

function createStreamCount(): (key: string) => () => void {
  const openByKey = new Map<string, number>();
  let openCount = 0;
  return (key) => {
    const open = openByKey.get(key) ?? 0;
    if (open >= MAX_STREAMS_PER_USER) throw tooManyStreams();
    if (openCount >= MAX_STREAMS) throw busy();
    openCount++;
    openByKey.set(key, open + 1);
    return () => {
      openCount--;
      const left = (openByKey.get(key) ?? 1) - 1;
      if (left === 0) openByKey.delete(key);
      else openByKey.set(key, left);
    };
  };
}

/** Returns the job of a request: its user, and a signal that is aborted if the client disconnects before the end of the response. */
export function jobOf(request: FastifyRequest, reply: FastifyReply): Job {
  return new RequestJob(request, reply.raw);
}

/** A class, so that the getters are not made anew for each request. */
class RequestJob implements Job {
  readonly #request: FastifyRequest;
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;

  constructor(request: FastifyRequest, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  get key(): string {
    return this.#request.principalKey ?? this.#request.ip ?? '';
  }

  /** Most requests need no signal, and a listener for each response costs as much as a small response does. */
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#response);
    return this.#signal;
  }
}

function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const end = (): void => {
    if (!response.writableFinished) controller.abort(new ClientGone('the client has disconnected'));
  };
  if (response.closed) end();
  else response.once('close', end);
  return controller.signal;
}

/** Runs the steps and sends what they return: at once if there is only one, so that most responses wait for nothing. */
export function respondInSteps<T>(
  work: BoundedWork,
  { reply, job, steps }: { readonly reply: FastifyReply; readonly job: Job; readonly steps: Resumable<T> },
  send: (result: T) => void,
): FastifyReply {
  const first = steps.next();
  if (first.done) send(first.value);
  else
    work
      .run(steps, job)
      .then(send)
      .catch((error: unknown) => sendFailure(reply, error));
  return reply;
}

/** Passes an error on to the error handler, unless the client has gone. */
export function sendFailure(reply: FastifyReply, error: unknown): void {
  if (!(error instanceof ClientGone)) void reply.send(error);
}
