// The half that all sources have in common which listen: what they are configured with, and where they listen.

import type { Source, SourceContext } from './source.ts'

/** A source that other programs send lines to. */
export abstract class ListeningSource<Config> implements Source {
  protected readonly config: Config
  protected readonly context: SourceContext
  /** Where it listens; empty until it does. */
  protected boundTo = ''
  protected isStopped = false

  constructor(config: Config, context: SourceContext) {
    this.config = config
    this.context = context
  }

  get isReady(): boolean {
    return !this.isStopped
  }

  get place(): string {
    return this.boundTo
  }

  /** Begins to listen; rejects with the system's error. */
  abstract listen(): Promise<void>

  abstract stop(): Promise<void>
}
