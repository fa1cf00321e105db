/**
 * Whether a layer keeps an extended attribute. Not the labels of one machine's policy (security.selinux and the like), and
 * not what overlayfs and tsaufs keep for themselves: in an archive it would make them take its word.
 */
export function isLayerXattr(name: string): boolean {
  if (name.startsWith('system.')) return name === 'system.posix_acl_access' || name === 'system.posix_acl_default';
  if (name.startsWith('security.')) return name === 'security.capability';
  return /^(trusted|user)\./.test(name) && !/^(trusted|user)\.(overlay|tsaufs)\./.test(name);
}
