// Kinds of discovery that Promtail has and the agent does not. They are refused by name, with advice on what
// to do instead. Each serves one vendor's cloud and finds the targets of a whole network. Logs are read on
// the host that writes them, so these kinds only ever added labels.

import { refuse, type ValueReader } from '@skald/config-reading'

const byFile = 'write the targets of this host into a file of file_sd_configs'

const insteads: Readonly<Record<string, string>> = {
  ec2_sd_configs: `${byFile} when the instance starts, its tags as labels`,
  gce_sd_configs: `${byFile} when the instance starts, its metadata as labels`,
  azure_sd_configs: `${byFile} when the machine starts, its tags as labels`,
  openstack_sd_configs: `${byFile} when the instance starts, its metadata as labels`,
  digitalocean_sd_configs: `${byFile} when the droplet starts, its tags as labels`,
  triton_sd_configs: byFile,
}

/** Readers that refuse their keys. */
export const unsupportedDiscoveries: Readonly<Record<string, ValueReader<never>>> =
  Object.fromEntries(Object.entries(insteads).map(([name, instead]) => [name, refuse(instead)]))
