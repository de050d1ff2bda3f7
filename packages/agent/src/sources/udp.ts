// Sockets that datagrams come in by.

import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { receiveBufferBytes } from '../limits.ts'
import { formatAddress, type ListenAddress } from './listen-address.ts'
import { listening } from './probe.ts'

/** Makes a socket of the family of an address. */
export function createUdpSocket({ host }: ListenAddress): dgram.Socket {
  return dgram.createSocket(isIPv6(host ?? '') ? 'udp6' : 'udp4')
}

/** Binds a socket, with a large buffer; returns where it listens, or rejects with the system's error. */
export async function bindUdp(
  socket: dgram.Socket,
  { host, port }: ListenAddress,
): Promise<string> {
  socket.bind({ port, ...(host === undefined ? {} : { address: host }) })
  await listening(socket)
  try {
    socket.setRecvBufferSize(receiveBufferBytes)
  } catch {
    // The system allows less: what comes in a burst may be lost sooner.
  }
  const bound = socket.address()
  return `udp ${formatAddress({ host: bound.address, port: bound.port })}`
}
