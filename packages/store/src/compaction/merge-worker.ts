// The thread that merges segments, one job at a time, so that neither pushes nor queries wait. If
// it is killed, it leaves at most an incomplete file, which the next start removes.

import { reopenDiskObjectStore } from '../objects/disk.ts'
import { threadErrorOf } from '../threads/thread-error.ts'
import { openThreadPort } from '../threads/thread-port.ts'
import { answerMergeJob, createSharedTools, type MergeAnswer, type MergeJob } from './merge-job.ts'

/** Startup data of the thread. */
export interface MergeWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

const port = openThreadPort<MergeWorkerData, MergeJob, MergeAnswer>()
const { directory, logLevelFields } = port.data
const tools = createSharedTools(logLevelFields)

async function merge(job: MergeJob): Promise<MergeAnswer> {
  const objects = await reopenDiskObjectStore(directory)
  try {
    return await answerMergeJob(job, objects, tools)
  } finally {
    await objects.close()
  }
}

port.onRequest(job => {
  merge(job).then(
    answer => port.answer(answer),
    (error: unknown) => port.answer({ kind: 'failed', error: threadErrorOf(error) }),
  )
})
