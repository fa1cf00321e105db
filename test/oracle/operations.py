#!/usr/bin/env python3
"""Does what the recorded cases ask for, on a union that somebody else mounts.

Reads one JSON request a line from stdin and writes one JSON reply a line to stdout:
  {"do": "setup", "case": …, "dir": …, "remount": [command…]}  makes the branches and the mount point `mnt` in dir
  {"do": "run"}        carries out the case's operations, and dumps the union   -> {"ops": […], "union": {…}}
  {"do": "branches"}   dumps every branch as it lies on disk                     -> {name: {…}}
  {"do": "clear"}      closes what is open and removes the directory

A case: {name, branches: [{name, perm, tree: […]}], opts, ops: […]}, see README.md in this folder.
"""
import errno
import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time

FIXED = 1_000_000_000  # the mtime of everything that a case starts with
HIDDEN = {".aufs.xino", ".aufs.xib"}
KINDS = (("d", stat.S_ISDIR), ("f", stat.S_ISREG), ("l", stat.S_ISLNK), ("p", stat.S_ISFIFO),
         ("c", stat.S_ISCHR), ("b", stat.S_ISBLK), ("s", stat.S_ISSOCK))


def error_name(error):
    return errno.errorcode.get(error.errno, str(error.errno))


def kind(mode):
    return next(letter for letter, test in KINDS if test(mode))


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def make_entry(root, entry):
    letter, path = entry[0], os.path.join(root, entry[1])
    rest = entry[2:]
    if letter == "d":
        os.makedirs(path, exist_ok=True)
        os.chmod(path, rest[0] if rest else 0o755)
    elif letter == "f":
        with open(path, "w") as file:
            file.write(rest[0])
        os.chmod(path, rest[1] if len(rest) > 1 else 0o644)
    elif letter == "l":
        os.symlink(rest[0], path)
    elif letter == "h":
        os.link(os.path.join(root, rest[0]), path)
    elif letter == "p":
        os.mkfifo(path)
        os.chmod(path, rest[0] if rest else 0o644)
    elif letter == "x":
        os.setxattr(path, rest[0], rest[1].encode(), follow_symlinks=False)
    elif letter == "S":
        with open(path, "w") as file:
            file.write("head")
            file.truncate(rest[0])
    elif letter == "a":
        subprocess.run(["setfacl", "-m", rest[0], path], check=True)
    elif letter == "o":
        os.chown(path, rest[0], rest[1], follow_symlinks=False)
    else:
        raise ValueError(f"unknown kind of tree entry: {letter}")


def make_tree(root, tree):
    os.makedirs(root, exist_ok=True)
    for entry in tree:
        make_entry(root, entry)
    for directory, directories, files in os.walk(root, topdown=False):
        for name in files + directories:
            os.utime(os.path.join(directory, name), (FIXED, FIXED), follow_symlinks=False)
    os.utime(root, (FIXED, FIXED))


def shown_mtime(st):
    if int(st.st_mtime) == FIXED:
        return "fixed"
    return int(st.st_mtime) if st.st_mtime < 1_600_000_000 else "new"


def user_xattrs(path):
    try:
        names = sorted(name for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user."))
        return {name: os.getxattr(path, name, follow_symlinks=False).decode("latin1") for name in names}
    except OSError:
        return {}


def checksum(path):
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:12]
    except OSError as error:
        return error_name(error)


def describe(path, st):
    letter = kind(st.st_mode)
    entry = {"t": letter, "mode": oct(stat.S_IMODE(st.st_mode)), "own": f"{st.st_uid}:{st.st_gid}",
             "mtime": shown_mtime(st)}
    if letter == "f":
        entry["size"] = st.st_size
        entry["sum"] = checksum(path)
    if letter != "d":
        entry["nlink"] = st.st_nlink
    if letter == "l":
        entry["to"] = os.readlink(path)
    attributes = user_xattrs(path)
    if attributes:
        entry["x"] = attributes
    return entry


def dump(root):
    out = {}

    def visit(relative, path):
        st = os.lstat(path)
        entry = out[relative] = describe(path, st)
        if not stat.S_ISDIR(st.st_mode):
            return
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            entry["ls"] = error_name(error)
            return
        for name in names:
            if name not in HIDDEN:
                visit(name if relative == "." else f"{relative}/{name}", os.path.join(path, name))

    visit(".", root)
    return out


class Case:
    def __init__(self, case, directory, remount):
        self.case, self.dir, self.remount_command = case, directory, remount
        self.mnt = os.path.join(directory, "mnt")
        self.fds = {}
        os.mkdir(self.mnt)
        for branch in self.branches():
            make_tree(os.path.join(directory, branch["name"]), branch.get("tree", []))

    def branches(self):
        return self.case["branches"] + self.case.get("spare", [])

    def run(self):
        ops = [self.operation(op) for op in self.case["ops"]]
        self.close()
        return {"ops": ops} if self.case.get("nodump") else {"ops": ops, "union": dump(self.mnt)}

    def close(self):
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()

    def dump_branches(self):
        if self.case.get("nodump"):
            return {}
        return {branch["name"]: dump(os.path.join(self.dir, branch["name"])) for branch in self.branches()}

    def operation(self, op):
        """[verb, argument…], where a last {"uid": N} means: as that user, without supplementary groups."""
        if isinstance(op[-1], dict):
            return self.as_user(op[-1]["uid"], op[:-1])
        return self.perform(op)

    def as_user(self, uid, op):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                outcome = self.perform(op)
            except BaseException as error:  # the parent must get an answer whatever happens
                outcome = repr(error)
            os.write(writer, json.dumps(outcome).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            data = stream.read()
        os.waitpid(pid, 0)
        return json.loads(data)

    def perform(self, op):
        try:
            result = getattr(self, "op_" + op[0])(*op[1:])
            return "ok" if result is None else result
        except OSError as error:
            return error_name(error)

    def at(self, path):
        return self.mnt if path in (".", "") else os.path.join(self.mnt, path)

    def on_branch(self, path):
        return os.path.join(self.dir, path)

    # The verbs: each one system call, or the short sequence that an application would issue.
    def op_mkdir(self, path, mode=0o755): os.mkdir(self.at(path), mode)
    def op_rmdir(self, path): os.rmdir(self.at(path))
    def op_unlink(self, path): os.unlink(self.at(path))
    def op_rename(self, old, new): os.rename(self.at(old), self.at(new))
    def op_link(self, old, new): os.link(self.at(old), self.at(new), follow_symlinks=False)
    def op_symlink(self, target, path): os.symlink(target, self.at(path))
    def op_readlink(self, path): return os.readlink(self.at(path))

    def write_file(self, path, flags, text, mode=0o644):
        fd = os.open(self.at(path), flags, mode)
        try:
            if text:
                os.write(fd, text.encode())
        finally:
            os.close(fd)

    def op_create(self, path, text="", mode=0o644):
        self.write_file(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, text, mode)

    def op_excl(self, path): self.op_create(path, "excl")
    def op_write(self, path, text): self.write_file(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, text)
    def op_append(self, path, text): self.write_file(path, os.O_WRONLY | os.O_APPEND, text)
    def op_openw(self, path): self.write_file(path, os.O_WRONLY, "")
    def op_openrw(self, path): self.write_file(path, os.O_RDWR, "")
    def op_nofollow(self, path): os.close(os.open(self.at(path), os.O_RDONLY | os.O_NOFOLLOW))
    def op_truncate(self, path, size): os.truncate(self.at(path), size)

    def op_read(self, path):
        fd = os.open(self.at(path), os.O_RDONLY | os.O_NONBLOCK)
        try:
            return "=" + os.read(fd, 4096).decode("latin1")
        finally:
            os.close(fd)

    def op_ls(self, path): return sorted(os.listdir(self.at(path)))

    def op_lstypes(self, path):
        def shown(entry):
            return entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "@" if entry.is_symlink() else "")
        with os.scandir(self.at(path)) as entries:
            return sorted(shown(entry) for entry in entries)

    def op_stat(self, path):
        st = os.lstat(self.at(path))
        letter = kind(st.st_mode)
        return [letter, oct(stat.S_IMODE(st.st_mode)), st.st_uid, st.st_gid, st.st_size if letter == "f" else 0,
                st.st_nlink if letter != "d" else 0, shown_mtime(st)]

    def op_sameino(self, one, other): return os.lstat(self.at(one)).st_ino == os.lstat(self.at(other)).st_ino

    def op_keepino(self, path, *op):
        before = os.lstat(self.at(path)).st_ino
        result = self.perform(op)
        return [result, os.lstat(self.at(path)).st_ino == before]

    def op_chmod(self, path, mode): os.chmod(self.at(path), mode)
    def op_chown(self, path, uid, gid): os.chown(self.at(path), uid, gid, follow_symlinks=False)
    def op_utime(self, path, seconds): os.utime(self.at(path), (seconds, seconds), follow_symlinks=False)
    def op_setx(self, path, name, value): os.setxattr(self.at(path), name, value.encode(), follow_symlinks=False)
    def op_getx(self, path, name): return "=" + os.getxattr(self.at(path), name, follow_symlinks=False).decode("latin1")

    def op_listx(self, path):
        return sorted(name for name in os.listxattr(self.at(path), follow_symlinks=False) if name.startswith("user."))

    def op_rmx(self, path, name): os.removexattr(self.at(path), name, follow_symlinks=False)
    def op_mkfifo(self, path, mode=0o644): os.mkfifo(self.at(path), mode)
    def op_mknod(self, path, mode, device=0): os.mknod(self.at(path), mode, device)
    def op_access(self, path, mode): return os.access(self.at(path), mode)
    def op_namemax(self): return os.statvfs(self.mnt).f_namemax

    def op_mksock(self, path):
        # A socket's name may be 107 bytes long: bind it from within its directory.
        directory, name = os.path.split(self.at(path))
        here = os.getcwd()
        with socket.socket(socket.AF_UNIX) as sock:
            os.chdir(directory)
            try:
                sock.bind(name)
            finally:
                os.chdir(here)

    def op_sparse(self, path):
        st = os.lstat(self.at(path))
        return [st.st_size, st.st_blocks * 512 < st.st_size]

    def op_setfacl(self, path, acl):
        return "ok" if run("setfacl", "-m", acl, self.at(path)).returncode == 0 else "fail"

    def op_getfacl(self, path):
        return sorted(line for line in run("getfacl", "-ncp", self.at(path)).stdout.split("\n") if line)

    def op_sleep(self, seconds): time.sleep(seconds)

    # Verbs on a descriptor that stays open between operations, under a name of the case's own.
    def op_open(self, handle, path, flags):
        bits = 0
        for name in flags.split("|"):
            bits |= getattr(os, "O_" + name)
        self.fds[handle] = os.open(self.at(path), bits, 0o644)

    def op_opendir(self, handle, path): self.fds[handle] = os.open(self.at(path), os.O_RDONLY | os.O_DIRECTORY)
    def op_close(self, handle): os.close(self.fds.pop(handle))
    def op_fread(self, handle, size=4096, offset=0): return "=" + os.pread(self.fds[handle], size, offset).decode("latin1")
    def op_fwrite(self, handle, text): os.write(self.fds[handle], text.encode())

    def op_fstat(self, handle):
        st = os.fstat(self.fds[handle])
        letter = kind(st.st_mode)
        return [letter, oct(stat.S_IMODE(st.st_mode)), st.st_size if letter == "f" else 0,
                st.st_nlink if letter != "d" else 0]

    def op_fchmod(self, handle, mode): os.fchmod(self.fds[handle], mode)
    def op_ftruncate(self, handle, size): os.ftruncate(self.fds[handle], size)
    def op_flist(self, handle): return sorted(os.listdir(self.fds[handle]))
    def op_mkdirat(self, handle, name): os.mkdir(name, dir_fd=self.fds[handle])

    def op_remount(self, options):
        result = run(*self.remount_command, options.replace("@", self.dir + "/"), self.mnt)
        return "ok" if result.returncode == 0 else "fail"

    # Verbs on a branch itself, behind the union's back.
    def op_bwrite(self, path, text):
        with open(self.on_branch(path), "w") as file:
            file.write(text)

    def op_bread(self, path):
        with open(self.on_branch(path)) as file:
            return "=" + file.read()

    def op_bunlink(self, path): os.unlink(self.on_branch(path))
    def op_bmkdir(self, path): os.mkdir(self.on_branch(path))
    def op_brename(self, old, new): os.rename(self.on_branch(old), self.on_branch(new))
    def op_bls(self, path): return sorted(name for name in os.listdir(self.on_branch(path)) if name not in HIDDEN)


def main():
    os.umask(0o022)
    current = None
    for line in sys.stdin:
        request = json.loads(line)
        reply = {}
        try:
            if request["do"] == "setup":
                current = Case(request["case"], request["dir"], request.get("remount", []))
            elif request["do"] == "run":
                reply = current.run()
            elif request["do"] == "branches":
                reply = current.dump_branches()
            elif request["do"] == "clear":
                current.close()
                shutil.rmtree(current.dir)
        except Exception as error:
            reply = {"error": repr(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
