// /debug/pprof and /debug/fgprof, available if `profiling_enabled` is set.

import type { FastifyInstance } from 'fastify'
import { profileSecondsDefault, profileSecondsMax } from '../limits.ts'
import { type ProfileKind, profileKinds, takeProfile } from './profile.ts'

const index = `Profiles, for go tool pprof. Each measures for ?seconds=${profileSecondsDefault}, then answers.

/debug/pprof/profile  time on the processor
/debug/pprof/heap     memory that is allocated meanwhile and stays
/debug/fgprof         all time, waiting included
`

/** Adds the profiling routes to a server. */
export function addProfileRoutes(instance: FastifyInstance, prefix: string): void {
  let running: ProfileKind | undefined
  instance.get(`${prefix}/debug/pprof/`, (_request, reply) => reply.type('text/plain').send(index))
  for (const kind of profileKinds) {
    const path = kind === 'fgprof' ? '/debug/fgprof' : `/debug/pprof/${kind}`
    instance.get(`${prefix}${path}`, async (request, reply) => {
      const { seconds: text = String(profileSecondsDefault) } = request.query as {
        seconds?: string
      }
      const seconds = Number(text)
      if (!(seconds > 0 && seconds <= profileSecondsMax)) {
        const why = `seconds must be above 0 and at most ${profileSecondsMax}, found ${JSON.stringify(text)}\n`
        return reply.code(400).type('text/plain').send(why)
      }
      if (running) {
        const why = `A profile of ${running} is being taken; only one is at a time\n`
        return reply.code(409).type('text/plain').send(why)
      }
      running = kind
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      try {
        const body = await takeProfile(kind, seconds, gone.signal)
        return await reply
          .type('application/octet-stream')
          .header('content-disposition', `attachment; filename="${kind}.pb.gz"`)
          .send(body)
      } finally {
        running = undefined
      }
    })
  }
}
