// The main thread's side of the border to a worker thread. Requests and answers are typed, and an error
// keeps its name, message and code on the way.

import { Worker } from 'node:worker_threads'
import type { ThreadError } from './thread-error.ts'

/** What a thread is started with, besides the file it runs. */
export interface ThreadOptions<Answer> {
  readonly data: unknown
  /** Most bytes of its heap. The thread ends when it needs more. Absent: V8's default. */
  readonly heapBytes?: number
  onAnswer(answer: Answer): void
  /** Called once, when the thread has ended: with the error that ended it, or with none. */
  onEnd(error: Error | undefined): void
}

/** A worker thread that takes requests and gives answers. It keeps no process alive. */
export class Thread<Request, Answer> {
  readonly #worker: Worker

  constructor(file: URL, { data, heapBytes, onAnswer, onEnd }: ThreadOptions<Answer>) {
    const limits = heapBytes !== undefined && {
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytes / 2 ** 20) },
    }
    this.#worker = new Worker(file, { workerData: data, ...limits })
    this.#worker.unref()
    let failure: Error | undefined
    this.#worker.on('message', onAnswer)
    this.#worker.on('error', error => {
      failure = error as Error
    })
    this.#worker.on('exit', () => onEnd(failure))
  }

  /** Sends a request. What it holds must survive a structured clone. */
  send(request: Request): void {
    this.#worker.postMessage(request)
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Returns true for the error of a thread whose heap was full. */
export function isHeapFull(error: Error | undefined): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
}

/** Returns the error that a thread reported. Its class is lost; its name and its data stay. */
export function errorOfThread({ message, ...fields }: ThreadError): Error {
  return Object.assign(new Error(message), fields)
}
