# SPDX-License-Identifier: GPL-2.0-or-later
"""How many lines of the parsers the corpora reach.

clang counts while each target, built for that, reads its corpus once; parsers.py
says which functions of which files are parsers.
"""
import os
import subprocess

import parsers

LEAST = 90  # per cent of a parser's lines


def tool(name):
    """llvm-cov and llvm-profdata have clang's version, and may have it in their names."""
    version = subprocess.run([os.environ.get("CLANG", "clang"), "-dumpversion"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split(".")[0]
    for place in os.environ["PATH"].split(":"):
        if os.access(os.path.join(place, f"{name}-{version}"), os.X_OK):
            return f"{name}-{version}"
    return name


def count(directory, programs, work):
    """The lines of every file: {file: ([(first line, function)], {line: count})}"""
    profiles = []
    for name in programs:
        profiles.append(os.path.join(work, f"{name}.profraw"))
        done = subprocess.run([os.path.join(directory, name), "-runs=0", "-timeout=60",
                               f"-artifact_prefix={work}/{name}/", os.path.join(work, "corpus", name)],
                              env=dict(os.environ, TMPDIR=os.path.join(work, name), LLVM_PROFILE_FILE=profiles[-1]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=1800, check=False)
        if done.returncode:
            print(done.stderr[-2000:])
            raise RuntimeError(f"{name} ends with {done.returncode} where lines are counted")
    merged = os.path.join(work, "profile")
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", "-o", merged, *profiles], check=True)
    objects = [word for name in programs for word in ("-object", os.path.join(directory, name))]
    text = subprocess.run([tool("llvm-cov"), "export", "-format=lcov", f"-instr-profile={merged}", *objects[1:]],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return read_lcov(text)


def read_lcov(text):
    files = {}
    for line in text.splitlines():
        word, _, rest = line.partition(":")
        if word == "SF":
            functions, lines = files.setdefault(os.path.relpath(rest), ([], {}))
        elif word == "FN":
            first, name = rest.split(",", 1)
            functions.append((int(first), name.rpartition(":")[2]))
        elif word == "DA":
            number, times = map(int, rest.split(",")[:2])
            lines[number] = max(times, lines.get(number, 0))
    return files


def parser_lines(path, functions, lines, wanted, unwanted):
    """Those of the functions that are parsers; each goes to where the next one begins."""
    found = {}
    # a brace behind a "return" is never reached
    with open(path, encoding="utf-8") as file:
        braces = {number for number, line in enumerate(file, 1) if line.strip() == "}"}
    starts = sorted(set(functions))
    for (first, name), (end, _) in zip(starts, starts[1:] + [(1 << 30, None)]):
        if name in unwanted or wanted and name not in wanted:
            continue
        found.update({number: times for number, times in lines.items() if first <= number < end and number not in braces})
    return found


def missing_functions(functions, names):
    known = {name for _, name in functions}
    return [name for name in names if name not in known]


def spans(numbers):
    """[1, 2, 3, 7] is "1-3 7"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts)


def report_file(path, parser, counted):
    """False: too little of it was reached."""
    functions, lines = counted.get(path, ([], {}))
    lost = missing_functions(functions, parser.only + parser.but)
    if lost or not functions:
        print(f"not ok coverage of {path}: there is no {', '.join(lost) or 'such file'} in any target")
        return False
    chosen = parser_lines(path, functions, lines, parser.only, parser.but)
    missed = [number for number, times in chosen.items() if not times]
    share = 100 * (len(chosen) - len(missed)) / len(chosen)
    print(f"{share:6.1f} % of {len(chosen):4} lines  {path}" + (f"  (not {spans(missed)})" if missed else ""))
    if share >= LEAST:
        return True
    if parser.less:
        print(f"         {parser.less}")
        return True
    print(f"not ok coverage of {path} is below {LEAST} %: not reached are lines {spans(missed)}")
    return False


def report(directory, programs, work):
    """False: not enough, or it cannot be told."""
    try:
        counted = count(directory, programs, work)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"not ok coverage cannot be counted: {error}")
        return False
    results = [report_file(path, parser, counted) for path, parser in sorted(parsers.PARSERS.items())]
    if all(results):
        print(f"ok coverage of {len(results)} parsers")
    return all(results)
