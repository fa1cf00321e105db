import type { ExportFormat } from '../layers/oci/export.js';
import { UsageError } from './status.js';

/** @throws UsageError also where an archive for Docker would be a directory */
export function exportFormat(written: string, destination: string): ExportFormat {
  if (written === 'oci') return 'oci';
  if (written !== 'docker') throw new UsageError(`--format ${written}: there are oci and docker`);
  if (destination.endsWith('/')) throw new UsageError(`--format docker makes an archive; name a file, not ${destination}`);
  return 'docker';
}
