// Counts the memory of an answer until its client has it, and cuts off clients that do not take it.

import type { ServerResponse } from 'node:http'
import { answerTakenMs, watchedAnswerBytes } from '../limits.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'

/** Creates the hold of one answer; absent if memory is not limited. */
export type CreateHold = (() => AnswerHold) | undefined

/** Holds memory for a response until it has ended. */
export function holdUntilTaken(
  response: ServerResponse,
  createHold: CreateHold,
): AnswerHold | undefined {
  const hold = createHold?.()
  if (hold) response.once('close', () => hold.release())
  return hold
}

/**
 * Cuts off a client that does not take a large answer. Call it when the answer is ready.
 *
 * @param takenMs How long the client has.
 */
export function watchTaking(
  response: ServerResponse,
  hold: AnswerHold | undefined,
  takenMs = answerTakenMs,
): void {
  if (!hold || hold.bytes < watchedAnswerBytes) return
  const timer = setTimeout(() => response.destroy(), takenMs).unref()
  response.once('close', () => clearTimeout(timer))
}
