// Receivers with separate ports. Loaded only if one is configured.

import { resolveTenant } from '../http/tenant.ts'
import type { ReceiversConfig } from '../receivers-config.ts'
import type { OtlpGrpcParts, OtlpGrpcReceiver } from './otlp-grpc/otlp-grpc-receiver.ts'
import { SyslogReceiver, type SyslogReceiverParts } from './syslog/syslog-receiver.ts'

/** The parts of the store that listeners use. */
export type ListenerParts = SyslogReceiverParts & OtlpGrpcParts

/** Receivers that listen. */
export interface ReceiverListeners {
  /** Where they listen: syslog in the order of the configuration, then OTLP. */
  readonly places: readonly string[]
  /** Stores what has come, and accepts no more. */
  close(): Promise<void>
}

/** Starts all of them. @throws the system's error if one cannot listen; BadRequestError if a tenant has no valid name. */
export async function startReceiverListeners(
  { syslog, otlpGrpc }: ReceiversConfig,
  parts: ListenerParts,
): Promise<ReceiverListeners> {
  const receivers: (SyslogReceiver | OtlpGrpcReceiver)[] = []
  const close = async () => {
    for (const receiver of receivers) await receiver.close()
  }
  try {
    for (const [index, config] of syslog.entries()) {
      const tenant = resolveTenant(config.tenant, parts.authEnabled)
      const receiver = new SyslogReceiver({ ...config, tenant }, parts)
      await listen(receiver, `receivers.syslog[${index}].listen_address`)
      receivers.push(receiver)
    }
    if (otlpGrpc) {
      const { OtlpGrpcReceiver } = await import('./otlp-grpc/otlp-grpc-receiver.ts')
      const receiver = new OtlpGrpcReceiver(otlpGrpc, parts)
      await listen(receiver, 'receivers.otlp.grpc.endpoint')
      receivers.push(receiver)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { places: receivers.map(({ place }) => place), close }
}

/** Names the key of the address in the error, so that the message can say which one to change. */
async function listen(receiver: SyslogReceiver | OtlpGrpcReceiver, configKey: string) {
  try {
    await receiver.listen()
  } catch (error) {
    throw Object.assign(error as Error, { configKey })
  }
}
