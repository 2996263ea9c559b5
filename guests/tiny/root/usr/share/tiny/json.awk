# JSON to lines: PATH<TAB>VALUE for every scalar, path parts joined by "/", list elements counted from 0.
# Line breaks in strings come out as spaces. Reads one document; what is not JSON ends the output.
{ text = text $0 "\n" }
END { position = 1; value("") }

function blank() { while (substr(text, position, 1) ~ /[ \t\r\n]/) position++ }

function string(    out, c) {
    position++
    while ((c = substr(text, position, 1)) != "\"") {
        if (c == "") exit 1
        if (c == "\\") {
            c = substr(text, ++position, 1)
            if (c ~ /[nrt]/) c = " "
            else if (c == "u") { c = "?"; position += 4 }
        }
        out = out c
        position++
    }
    position++
    return out
}

function join(path, name) { return path == "" ? name : path "/" name }

function object(path,    name) {
    position++
    for (blank(); substr(text, position, 1) != "}"; blank()) {
        if (substr(text, position, 1) == ",") { position++; continue }
        if (substr(text, position, 1) != "\"") exit 1
        name = string()
        blank()
        position++
        value(join(path, name))
    }
    position++
}

function list(path,    count) {
    position++
    for (blank(); substr(text, position, 1) != "]"; blank()) {
        if (substr(text, position, 1) == ",") { position++; continue }
        if (substr(text, position, 1) == "") exit 1
        value(join(path, count++ + 0))
    }
    position++
}

function value(path,    c) {
    blank()
    c = substr(text, position, 1)
    if (c == "{") { object(path); return }
    if (c == "[") { list(path); return }
    if (c == "\"") { print path "\t" string(); return }
    if (!match(substr(text, position), /^[-+.0-9A-Za-z]+/)) exit 1
    print path "\t" substr(text, position, RLENGTH)
    position += RLENGTH
}
