// Base of the stages that join the parts of long lines. Parts that nothing follows are passed on when their
// file ends or their time is up.

import type { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { LineSink } from '../line/line-sink.ts'
import type { PipelineEntry } from './entry.ts'
import { type JoinOptions, PartJoiner } from './part-joiner.ts'
import type { ByteStage, LineConsumer } from './pipeline.ts'
import type { NextStage } from './stage.ts'

/** A stage that joins the parts of container lines, from entries or from bytes. */
export abstract class JoiningStage implements ByteStage {
  protected readonly joiner: PartJoiner

  constructor(options: JoinOptions) {
    this.joiner = new PartJoiner(options)
  }

  abstract run(entry: PipelineEntry, next: NextStage): void

  abstract open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer

  finish(origin: LineOrigin, next: NextStage): void {
    this.joiner.finish(origin, next)
  }

  finishBytes(origin: LineOrigin, sink: LineSink): void {
    this.joiner.finishBytes(origin, sink)
  }

  tick(nowMs: number, next: NextStage): void {
    this.joiner.tick(nowMs, next)
  }

  tickBytes(nowMs: number, sink: LineSink): void {
    this.joiner.tickBytes(nowMs, sink)
  }
}
