"""Korean for what the commands say; the English text is the key, and placeholders are the same in both."""

from __future__ import annotations

from openmanager_kit.wording.ko_help import HELP

KOREAN: dict[str, str] = {
    **HELP,
    # complaints of the argument parser
    "{prog}: error: {message}": "{prog}: 오류: {message}",
    "argument {name}: {complaint}": "{name} 인자: {complaint}",
    "the following arguments are required: {names}": "다음 인자가 필요합니다: {names}",
    "one of the arguments {names} is required": "다음 인자 가운데 하나가 필요합니다: {names}",
    "unrecognized arguments: {words}": "알 수 없는 인자입니다: {words}",
    "ambiguous option: {option} could match {matches}":
        "어느 옵션인지 분명하지 않습니다: {option} (가능한 옵션: {matches})",
    "invalid choice: {value} (choose from {choices})": "고를 수 없는 값입니다: {value} (가능한 값: {choices})",
    "invalid int value: {value}": "정수가 아닙니다: {value}",
    "invalid float value: {value}": "숫자가 아닙니다: {value}",
    "invalid {kind} value: {value}": "올바른 값({kind})이 아닙니다: {value}",
    "not allowed with argument {name}": "다음 인자와 함께 쓸 수 없습니다: {name}",
    "ignored explicit argument {value}": "값을 받지 않는 인자입니다. 주어진 값: {value}",
    "expected one argument": "값 하나가 필요합니다",
    "expected at most one argument": "값은 하나까지만 쓸 수 있습니다",
    "expected at least one argument": "값이 하나 이상 필요합니다",
    "expected {count} arguments": "값이 {count}개 필요합니다",
    # install, uninstall, restore, client-config
    "added": "추가",
    "changed": "변경",
    "removed": "제거",
    "already so: {names}": "이미 그대로: {names}",
    "already so, nothing was written": "이미 그대로라서 아무것도 쓰지 않았습니다",
    "nothing of ours is there": "우리 항목이 없습니다",
    "{title}: nothing was written.": "{title}: 아무것도 쓰지 않았습니다.",
    "{title}: nothing was written; without --dry-run: {what}.":
        "{title}: 아무것도 쓰지 않았습니다. --dry-run이 없으면: {what}.",
    "{title}: {what} in {file}": "{title}: {what} ({file})",
    "What it was before is in {backup}; {undo} undoes it.": "이전 내용은 {backup}에 있습니다. 되돌리기: {undo}",
    "{folder} was not there: is {title} installed?": "{folder} 폴더가 없었습니다. {title}이(가) 설치되어 있습니까?",
    "Restart {title} if it is running.": "{title}이(가) 실행 중이면 다시 시작하십시오.",
    "It names programs of this machine: for a shared repository take what openmanager client-config prints.":
        "이 컴퓨터의 프로그램 경로가 들어 있습니다. 함께 쓰는 저장소에는 openmanager client-config의 출력을 쓰십시오.",
    "Claude Code asks at its next start whether the project's servers may run.":
        "Claude Code는 다음에 시작할 때 프로젝트의 서버를 실행해도 되는지 묻습니다.",
    "Codex reads it in projects that it trusts.": "Codex는 신뢰하는 프로젝트에서만 이 파일을 읽습니다.",
    "{name} was ours, but is something else now: left as it is.":
        "{name}: 우리가 쓴 항목이었지만 지금은 다른 내용이므로 그대로 두었습니다.",
    "{root} stands where your directory belongs: run it again with --root DIR.":
        "사용할 폴더 자리에 {root}이(가) 들어 있습니다. --root DIR을 붙여 다시 실행하십시오.",
    "{title}: there was no {file} before, so it was removed.": "{title}: 전에는 {file} 파일이 없었으므로 지웠습니다.",
    "{title}: {file} is again as in {backup}, which is used up.":
        "{title}: {file} 파일을 {backup}의 내용으로 되돌렸고, 그 사본은 없앴습니다.",
    "For {title}, this belongs into {files}.": "{title}에서는 이 내용을 {files}에 넣으십시오.",
    "Put your own directory in the place of {root}, or give --root DIR here.":
        "{root} 자리에 사용할 폴더를 넣거나, 여기에 --root DIR을 쓰십시오.",
    "It starts the published package ({words}); for this installation: --absolute.":
        "배포된 패키지({words})를 시작합니다. 지금 설치본을 쓰려면: --absolute.",
    "This openmanager runs from a cache that may be emptied, so clients start it with {uvx}.":
        "이 openmanager는 비워질 수 있는 캐시에서 실행되고 있으므로 클라이언트는 {uvx}(으)로 시작합니다.",
    "{program} lies in a cache that may be emptied, and uvx was not found; "
    "install the package (uv tool install openmanager-mcp) and run this again.":
        "{program}은(는) 비워질 수 있는 캐시에 있고 uvx를 찾지 못했습니다. 패키지를 설치한 뒤"
        "(uv tool install openmanager-mcp) 다시 실행하십시오.",
    # entries of clients
    "{program} is no absolute path: a client with a short PATH may not find it":
        "{program}은(는) 절대 경로가 아니어서 PATH가 짧은 클라이언트는 찾지 못할 수 있습니다",
    "{program} is not on the PATH": "{program}이(가) PATH에 없습니다",
    "{program} does not exist": "{program}이(가) 없습니다",
    "{program} cannot be executed": "{program}을(를) 실행할 수 없습니다",
    "{program} lies in a cache that may be emptied": "{program}이(가) 비워질 수 있는 캐시에 있습니다",
    "{root} stands where a directory of yours belongs; install again with --root DIR":
        "사용할 폴더 자리에 {root}이(가) 있습니다. --root DIR을 붙여 다시 설치하십시오",
    "the profile {profile} does not exist": "프로파일 {profile}이(가) 없습니다",
    "the root {root} is no directory": "루트 {root}은(는) 폴더가 아닙니다",
    # configs, status, up
    "tools: {rule} means no tool of this profile": "tools: {rule}에 해당하는 도구가 이 프로파일에 없습니다",
    "Tokens are estimated at {count} characters each.": "토큰은 하나에 {count}글자로 어림했습니다.",
    "{count} tools": "도구 {count}개",
    "data {age} s old": "데이터 나이 {age}초",
    "ready    ": "준비됨   ",
    "NOT READY": "준비 안 됨",
    "openmanager listens on {url}": "openmanager 수신 주소: {url}",
    "worker {number} has not moved for {seconds} s and is ended":
        "작업 프로세스 {number}이(가) {seconds}초 동안 멈춰 있어 끝냅니다",
    "worker {number} ended with {how} and is started again in {seconds} s":
        "작업 프로세스 {number}이(가) {how}(으)로 끝나 {seconds}초 뒤에 다시 시작합니다",
    "signal {number}": "시그널 {number}",
    "exit code {code}": "종료 코드 {code}",
    # watch
    "watching {series} series of {servers} servers every {every}":
        "서버 {servers}대의 시계열 {series}개를 {every}마다 지켜봅니다",
    "a recording does not go on: this was all of it": "기록은 더 이어지지 않습니다. 이것이 전부입니다",
    "the source can be read again": "소스를 다시 읽을 수 있습니다",
    "and {count} more": "외 {count}건",
    "{at} NEW {server} {metric}: {value}, usually {usual}; score {score}":
        "{at} 새 이상 {server} {metric}: {value}, 평소 {usual}, 점수 {score}",
    "{at} ONGOING {server} {metric}: {value}, usually {usual}; for {lasted} already":
        "{at} 진행 중 {server} {metric}: {value}, 평소 {usual}, 이미 {lasted} 지속",
    "{at} OVER {server} {metric}: {value} again, after {lasted}":
        "{at} 종료 {server} {metric}: {lasted} 만에 다시 {value}",
    "{at} ACCEPTED {server} {metric}: {value} for {lasted}, usual from now on":
        "{at} 새 평소 값 {server} {metric}: {lasted} 동안 {value}, 이제부터 평소 값으로 봅니다",
    "{at} SILENT {server}: no reading for {lasted}": "{at} 무응답 {server}: {lasted} 동안 측정값이 없습니다",
    "{at} BACK {server}: there are readings again": "{at} 복귀 {server}: 측정값이 다시 들어옵니다",
    # doctor
    "This machine": "이 컴퓨터",
    "State folder": "상태 폴더",
    "Profile": "프로파일",
    "Servers": "서버",
    "Tools and clients' limits": "도구와 클라이언트의 한도",
    "Sources and engines": "데이터 소스와 엔진",
    "Clients": "클라이언트",
    "{ok} ok, {warning} warnings, {failure} failures, in {seconds} s":
        "정상 {ok}, 경고 {warning}, 실패 {failure}, {seconds}초 걸림",
    "platform": "플랫폼",
    "{here}, but {least} up to {most} is needed": "{here}이지만 {least} 이상 {most} 미만이 필요합니다",
    "install the package again: it brings the right one": "패키지를 다시 설치하십시오. 맞는 버전이 함께 옵니다",
    "not found on the PATH": "PATH에서 찾지 못했습니다",
    "not found on the PATH, and not needed by this profile": "PATH에 없지만 이 프로파일에는 필요하지 않습니다",
    "install {name}": "{name} 설치",
    "{path} ended with exit code {code}": "{path}이(가) 종료 코드 {code}(으)로 끝났습니다",
    "is no folder": "폴더가 아닙니다",
    "move it away, or set --home": "다른 곳으로 옮기거나 --home을 지정하십시오",
    "{folder} cannot be written": "{folder}에 쓸 수 없습니다",
    "change its rights, or set --home": "권한을 바꾸거나 --home을 지정하십시오",
    "is not there yet; the first server that needs it makes it": "아직 없습니다. 필요한 서버가 처음 쓸 때 만듭니다",
    "others may look into it (mode {mode})": "다른 사용자가 들여다볼 수 있습니다 (권한 {mode})",
    "can be written, by nobody else": "쓸 수 있고, 다른 사용자는 쓸 수 없습니다",
    "disk": "디스크",
    "{size} MB free": "여유 공간 {size}MB",
    "make room: incidents and thoughts cannot be kept on a full disk":
        "공간을 비우십시오. 디스크가 가득 차면 인시던트와 생각을 보관할 수 없습니다",
    "openmanager configs validate says more": "자세한 내용: openmanager configs validate",
    "no root is set: files and Git are tried over an empty folder":
        "루트가 지정되지 않아 파일과 Git은 빈 폴더로 시험합니다",
    "they do not start without one: give --root DIR": "루트 없이는 시작하지 않습니다. --root DIR을 지정하십시오",
    "make it, or change roots": "폴더를 만들거나 roots를 바꾸십시오",
    "names {variable}, which is not set here; a token was made up to try it":
        "{variable} 변수가 여기에는 설정되어 있지 않아 임시 토큰으로 시험했습니다",
    "set {variable} where the service is started": "서비스를 시작하는 곳에서 {variable}을(를) 설정하십시오",
    "{rule} means no tool of this profile": "{rule}에 해당하는 도구가 이 프로파일에 없습니다",
    "correct or remove it": "고치거나 지우십시오",
    "was not tried: no time was left": "시간이 남지 않아 시험하지 못했습니다",
    "did not answer before the time was over": "제한 시간 안에 답하지 않았습니다",
    "did not answer within {seconds} s": "{seconds}초 안에 답하지 않았습니다",
    "did not listen within {seconds} s": "{seconds}초 안에 수신을 시작하지 않았습니다",
    "no handshake: {reason}": "핸드셰이크 실패: {reason}",
    "lists no tools": "도구를 하나도 내놓지 않습니다",
    "spoke {version} only": "{version}만 지원합니다",
    "the service does not start: {reason}": "서비스가 시작되지 않습니다: {reason}",
    "readiness could not be asked: {reason}": "준비 상태를 물을 수 없었습니다: {reason}",
    "openmanager up says more": "자세한 내용: openmanager up",
    "start it by hand: {command}": "직접 시작해 보십시오: {command}",
    "lists different tools over stdio and HTTP: {counts}": "stdio와 HTTP의 도구 수가 다릅니다: {counts}",
    "report this as a bug": "버그로 알려 주십시오",
    "{count} tools over {transports}, protocol {versions}": "도구 {count}개, {transports}, 프로토콜 {versions}",
    ", started in {seconds} s": ", {seconds}초 만에 시작",
    "is not ready": "준비되지 않았습니다",
    "engines": "엔진",
    "can be reached": "연결됩니다",
    "could not be asked: {reason}": "물을 수 없었습니다: {reason}",
    "start the servers by hand": "서버를 직접 시작해 보십시오",
    "check the network, or [search] proxy; other engines answer meanwhile":
        "네트워크나 [search] proxy를 확인하십시오. 그동안은 다른 엔진이 답합니다",
    "look at its settings: openmanager configs show": "설정을 확인하십시오: openmanager configs show",
    "{detail}; the newest data is {age} s old": "{detail}; 가장 새로운 데이터가 {age}초 전 것입니다",
    "see why nothing newer arrives": "왜 새 데이터가 오지 않는지 확인하십시오",
    "needs nothing from outside": "외부에서 필요한 것이 없습니다",
    "takes all {count} tools": "도구 {count}개를 모두 받습니다",
    "{count} tools, it takes {most}": "도구가 {count}개인데 {most}개까지 받습니다",
    "names longer than {most}: {names}": "{most}자보다 긴 이름: {names}",
    "server names with an underscore: {names}": "밑줄이 든 서버 이름: {names}",
    "descriptions longer than {most}: {names}": "{most}자보다 긴 설명: {names}",
    "answers longer than {most} by default: {names}": "기본 답이 {most}자보다 긴 도구: {names}",
    "not found here; it would not take all: {text}": "여기에는 없지만, 모두 받지는 못합니다: {text}",
    "leave tools or servers out in your profile: [tools] deny = [...], or a smaller profile":
        "프로파일에서 도구나 서버를 빼십시오: [tools] deny = [...], 또는 더 작은 프로파일",
    "schemas that some clients refuse: {names}": "일부 클라이언트가 거부하는 스키마: {names}",
    "flat objects of plain types are taken by all of them": "단순한 타입의 평평한 객체는 모두가 받습니다",
    "{count} schemas are portable": "스키마 {count}개가 모두 호환됩니다",
    " and {count} more": " 외 {count}개",
    "not found here": "여기에 없음",
    " (this project)": " (이 프로젝트)",
    "{file} cannot be read: {problem}": "{file}을(를) 읽을 수 없습니다: {problem}",
    "repair the file; we change none that we cannot read": "파일을 고치십시오. 읽을 수 없는 파일은 바꾸지 않습니다",
    "has no servers yet; to add ours: {command}": "아직 서버가 없습니다. 추가하려면: {command}",
    "{count} servers in {file}, none of them ours": "{file}에 서버 {count}개, 우리 것은 없습니다",
    "write it anew: {command}": "다시 쓰십시오: {command}",
    "starts {program}": "{program}을(를) 시작합니다",
}  # fmt: skip
