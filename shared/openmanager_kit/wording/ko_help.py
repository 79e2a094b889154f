"""Korean for the help of every command: what it is for, and what each argument means."""

from __future__ import annotations

HELP: dict[str, str] = {
    # argparse's own
    "usage: ": "사용법: ",
    "positional arguments": "위치 인자",
    "options": "옵션",
    "show this help message and exit": "이 도움말을 보여 주고 끝냅니다",
    # the command and its sub-commands
    "MCP servers for operations, led by a fleet analyst.": "서버 플릿 분석기를 중심으로 한 운영용 MCP 서버 모음.",
    "print the version and leave": "버전을 출력하고 끝냅니다",
    "language of what is said to you (default: OPENMANAGER_LANG, LC_ALL, LC_MESSAGES or LANG)":
        "출력 언어 (기본값: OPENMANAGER_LANG, LC_ALL, LC_MESSAGES, LANG 순)",
    "Serve one MCP server, or a profile's as one, over stdio or HTTP":
        "MCP 서버 하나, 또는 프로파일 전체를 하나로 묶어 stdio나 HTTP로 제공",
    "Serve a whole profile over HTTP, and keep it running": "프로파일 전체를 HTTP로 제공하고 계속 살려 둠",
    "Ask a running service whether its servers are ready": "실행 중인 서비스에 각 서버가 준비되었는지 확인",
    "Try everything for real and say what is wrong and what to do":
        "모든 것을 실제로 시험하고 무엇이 문제이며 어떻게 할지 알려 줌",
    "List, show, validate, compare and weigh profiles": "프로파일 목록, 내용, 검사, 비교, 비용",
    "Print what an MCP client needs to know": "MCP 클라이언트에 넣을 설정을 출력",
    "Write the servers of a profile into an MCP client's configuration":
        "프로파일의 서버들을 MCP 클라이언트 설정에 기록",
    "Take our servers out of an MCP client's configuration": "MCP 클라이언트 설정에서 우리 서버를 제거",
    "Report on the fleet: terminal, Markdown or JSON": "플릿 보고서: 터미널, Markdown, JSON",
    "Tell what becomes unusual in the fleet, as it happens": "플릿에서 평소와 달라지는 것을 그때그때 알림",
    "Fill the cache of the shadcn-ui server ahead: shadcn mirror":
        "shadcn-ui 서버의 캐시를 미리 채움: shadcn mirror",
    "Make a folder findable for search, without a network": "네트워크 없이 폴더를 검색할 수 있게 색인",
    "Score one series for anomalies, causally (CSV in, JSON out)":
        "시계열 하나의 이상 점수를 과거만 보고 계산 (CSV 입력, JSON 출력)",
    "Score one server's many metrics (CSV in, JSON out)": "한 서버의 여러 지표를 함께 채점 (CSV 입력, JSON 출력)",
    "Forecast one series with its interval (CSV in, JSON out)":
        "시계열 하나를 구간과 함께 예측 (CSV 입력, JSON 출력)",
    "Rank root causes over a call graph (CSV and JSON in, JSON out)":
        "호출 그래프 위에서 근본 원인의 순위를 매김 (CSV와 JSON 입력, JSON 출력)",
    "Serve or write a simulated fleet with known faults": "장애를 아는 시뮬레이션 플릿을 제공하거나 파일로 씀",
    # arguments
    "seconds between two looks (default 15s)": "두 번 살펴보는 사이의 시간 (기본값 15s)",
    "tell what happened since then too, e.g. now-2h (default: now)":
        "그때부터 일어난 일도 알림, 예: now-2h (기본값: 지금부터)",
    "end after so long, e.g. 10m (default: never)": "이만큼 지나면 끝냄, 예: 10m (기본값: 끝내지 않음)",
    "watch only this metric; repeatable": "이 지표만 지켜봄, 여러 번 쓸 수 있음",
    "watch only this cluster": "이 클러스터만 지켜봄",
    "json: one object a line": "json: 한 줄에 객체 하나",
    "a shipped profile or the path of your own": "기본 제공 프로파일 이름 또는 직접 만든 프로파일의 경로",
    "settings": "설정",
    "each is a profile key and an OPENMANAGER_* variable too":
        "각 설정은 프로파일의 키이자 OPENMANAGER_* 변수이기도 합니다",
    "print JSON": "JSON으로 출력",
    "longest time for all of it (default: {seconds})": "전체에 쓸 최대 시간(초) (기본값: {seconds})",
    "one entry for every server of the profile": "프로파일의 모든 서버를 항목 하나로",
    "start this very installation, by its absolute path (a checkout needs it, and a short PATH)":
        "지금 이 설치본을 절대 경로로 시작 (체크아웃이나 짧은 PATH에서 필요)",
    "start openmanager with this program": "이 프로그램으로 openmanager를 시작",
    "your own file (default), or the project's in this folder": "사용자 파일(기본값) 또는 이 폴더의 프로젝트 파일",
    "print the change as a diff and write nothing": "변경 내용을 diff로 보여 주기만 하고 쓰지 않음",
    "the shipped profiles and what they are for": "기본 제공 프로파일과 그 용도",
    "every setting of a profile, and where its value comes from": "프로파일의 모든 설정과 값의 출처",
    "whether a profile can be served; 0 if it can, 2 and the reason if not":
        "프로파일을 제공할 수 있는지; 되면 0, 안 되면 2와 그 이유",
    "what a model pays for its list of tools: tools, bytes and tokens":
        "모델이 도구 목록에 치르는 비용: 도구 수, 바이트, 토큰",
    "what differs between two profiles": "두 프로파일의 차이",
    "name or path": "이름 또는 경로",
    "name or path (default: {name})": "이름 또는 경로 (기본값: {name})",
    "one entry for a server that runs already, at this address": "이미 실행 중인 서버의 주소로 항목 하나를 만듦",
    "with --http: the variable that holds the token": "--http와 함께: 토큰이 들어 있는 변수",
    "with --gateway or --http: the entry's name (default {name}); it stands beside others":
        "--gateway나 --http와 함께: 항목 이름 (기본값 {name}); 다른 항목과 나란히 둡니다",
    "overwrite foreign entries of the same name": "이름이 같은 다른 사람의 항목을 덮어씀",
    "the server, for example openmanager-local; without one, every server of the profile in one process":
        "서버 이름, 예: openmanager-local; 없으면 프로파일의 모든 서버를 한 프로세스로",
    "filesystem, git, shadcn-ui: further roots, as --root takes them":
        "filesystem, git, shadcn-ui: --root처럼 쓰는 추가 루트",
    "serve over Streamable HTTP there, at /mcp": "그 주소의 /mcp에서 Streamable HTTP로 제공",
    "serve over standard input and output": "표준 입출력으로 제공",
    "where the service listens (default: {url})": "서비스 주소 (기본값: {url})",
    "variable that holds the bearer token": "bearer 토큰이 들어 있는 변수",
    "certificates (PEM) to trust beside the system's; SSL_CERT_FILE names a file to trust in their place":
        "시스템의 인증서에 더해 신뢰할 인증서(PEM). SSL_CERT_FILE은 그 대신 신뢰할 파일",
    "print what the service said": "서비스가 답한 그대로 출력",
    "address to listen on (default: the profile's, else 127.0.0.1)":
        "수신할 주소 (기본값: 프로파일의 값, 없으면 127.0.0.1)",
    "port to listen on; 0 takes any free one (default: the profile's, else 8765)":
        "수신할 포트; 0이면 빈 포트 (기본값: 프로파일의 값, 없으면 8765)",
    "processes that serve (default: 1)": "서비스할 프로세스 수 (기본값: 1)",
    "write to this file instead of standard output": "표준 출력 대신 이 파일에 씀",
    "begin of the window (default now-1h)": "구간의 시작 (기본값 now-1h)",
    "end of the window (default now)": "구간의 끝 (기본값 now)",
    "what goes wrong: incident, quiet, black_friday, leaky_release":
        "무엇이 잘못되는지: incident, quiet, black_friday, leaky_release",
    "how many servers (default 30)": "서버 수 (기본값 30)",
    # commands for scripts
    "json: the whole answer; text: the alerts, for people": "json: 답 전체; text: 사람이 볼 알림",
    "ordinary operation: timestamp, then metrics": "평상시 데이터: timestamp 다음에 지표들",
    "what to judge: the same columns": "판단할 데이터: 같은 열",
    "json: the whole answer; text: the strangest rows": "json: 답 전체; text: 가장 이상한 행들",
    "rows ahead to forecast": "예측할 행 수",
    "rows after which the series repeats; 0 finds it out, 1 says there is none (default: 0)":
        "시계열이 반복되는 행 수; 0은 스스로 찾음, 1은 없음 (기본값: 0)",
    "long table with header timestamp,node,metric,stat,value": "머리글이 timestamp,node,metric,stat,value인 긴 표",
    "target, normal, anomalous, trigger, edges, top": "target, normal, anomalous, trigger, edges, top",
    "write the screened metrics as a NumPy archive": "추린 지표를 NumPy 보관 파일로 씀",
    "write all metrics for promtool tsdb create-blocks-from": "promtool tsdb create-blocks-from용으로 모든 지표를 씀",
    "1 to 100000 (default 30)": "1부터 100000까지 (기본값 30)",
    "which fleet (default 7)": "어느 플릿인지 (기본값 7)",
    "seconds between new values (default 3)": "새 값 사이의 간격(초) (기본값 3)",
    "files: how much time (default 24)": "파일: 기간(시간) (기본값 24)",
    "files: seconds between samples": "파일: 표본 사이의 간격(초)",
    "files: first instant (default a fixed Monday)": "파일: 첫 시각 (기본값은 정해진 월요일)",
    "incident, quiet, black_friday or leaky_release, as it looks now (files: at their end). Without it nothing goes "
    "wrong, except in --out files, which get faults of all kinds drawn from the seed":
        "incident, quiet, black_friday, leaky_release 가운데 하나의 현재 모습 (파일: 끝 시점). 없으면 장애가 없지만, "
        "--out 파일에는 시드에서 뽑은 온갖 장애가 들어갑니다",
    "something that goes wrong (repeatable): START seconds after now or after the file's first instant (may be "
    "negative), LASTS seconds (0: goes on), SEVERITY up to 1 (default 0.8)":
        "일어날 장애 (여러 번 쓸 수 있음): 지금이나 파일의 첫 시각부터 START초 뒤(음수 가능), LASTS초 동안(0: 계속), "
        "SEVERITY는 1까지 (기본값 0.8)",
    # settings
    "Where the numbers come from": "수치를 가져올 곳",
    "Simulator: how many servers": "시뮬레이터: 서버 수",
    "Simulator: which fleet": "시뮬레이터: 어느 플릿인지(시드)",
    "Simulator: seconds between values": "시뮬레이터: 값 사이의 간격(초)",
    "Simulator: a named set of faults": "시뮬레이터: 이름이 있는 장애 모음",
    "Simulator: the instant its scenario counts from, Unix seconds (0: the start)":
        "시뮬레이터: 시나리오가 시작되는 시각, 유닉스 초 (0: 시작할 때)",
    "Recorded: a CSV or Parquet file, or a folder of them": "기록: CSV나 Parquet 파일, 또는 그런 파일의 폴더",
    "Prometheus: its address": "Prometheus: 주소",
    "Prometheus: seconds per request": "Prometheus: 요청당 제한 시간(초)",
    "Prometheus: name of the variable that holds the bearer token": "Prometheus: bearer 토큰이 든 변수 이름",
    "Prometheus: name of the variable that holds the user": "Prometheus: 사용자 이름이 든 변수 이름",
    "Prometheus: name of the variable that holds the password": "Prometheus: 암호가 든 변수 이름",
    "Prometheus: tenant, sent as X-Scope-OrgID": "Prometheus: 테넌트 (X-Scope-OrgID로 보냄)",
    "Prometheus: certificates to trust": "Prometheus: 신뢰할 인증서",
    "Prometheus: verify its certificate": "Prometheus: 인증서를 검증",
    "Prometheus: further metrics, catalogue name to PromQL": "Prometheus: 추가 지표, 카탈로그 이름과 PromQL",
    "Serve over HTTP instead of standard input and output": "표준 입출력 대신 HTTP로 제공",
    "Address to listen on": "수신할 주소",
    "Port to listen on (0: any free one)": "수신할 포트 (0: 빈 포트)",
    "Host names that clients may use, beside this machine's own":
        "이 컴퓨터의 이름 말고 클라이언트가 쓸 수 있는 호스트 이름",
    "Web origins that may call, beside this machine's own": "이 컴퓨터 말고 호출할 수 있는 웹 출처(Origin)",
    "Name of the variable that holds the bearer token clients must send":
        "클라이언트가 보내야 하는 bearer 토큰이 든 변수 이름",
    "Keep sessions for clients of protocol versions before 2026-07-28, which need one to cancel by a message":
        "2026-07-28 이전 프로토콜의 클라이언트를 위해 세션을 유지 (메시지로 취소하려면 필요)",
    "Largest request body": "요청 본문의 최대 크기",
    "Requests in progress at a time": "동시에 처리하는 요청 수",
    "Folder of what is kept (default: the platform's data folder)":
        "상태를 보관할 폴더 (기본값: 플랫폼의 데이터 폴더)",
    "Least level that is logged": "기록할 가장 낮은 로그 수준",
    "Leave out every tool that changes something": "무언가를 바꾸는 도구를 모두 뺌",
    "Files, Git, shadcn: a directory that may be used, DIR:ro for reading only; repeatable":
        "파일, Git, shadcn: 사용할 수 있는 폴더, DIR:ro는 읽기 전용; 여러 번 쓸 수 있음",
    "Git: a directory whose repositories may run their own hooks and filters; repeatable":
        "Git: 저장소가 자체 훅과 필터를 실행해도 되는 폴더; 여러 번 쓸 수 있음",
    "Serve only these tools: tool or server.tool, * stands for anything":
        "이 도구만 제공: tool 또는 server.tool, *는 무엇이든",
    "Leave these tools out, even if they are allowed": "허용되었더라도 이 도구는 뺌",
    "Calls of one tool that run at the same time": "한 도구를 동시에 호출할 수 있는 수",
    "Calls that may wait for their turn": "차례를 기다릴 수 있는 호출 수",
    "Threads for computing": "계산용 스레드 수",
    "Longest text of one answer, in characters": "답 하나의 최대 길이(글자)",
    # access, the trail and backups
    "Make, list and take back the tokens of a service over HTTP": "HTTP 서비스의 토큰을 만들고, 나열하고, 회수",
    "Show who called what over HTTP, and verify that nothing is missing":
        "HTTP로 누가 무엇을 호출했는지 보여 주고 빠진 것이 없는지 확인",
    "Copy all state into one checked file, also while it is in use":
        "모든 상태를 검증 가능한 파일 하나로 복사 (사용 중이어도 가능)",
    "Put back a backup, or an MCP client's configuration as it was":
        "백업을 되돌리거나 MCP 클라이언트의 설정을 이전 상태로 되돌림",
    "make a token and print it, this once": "토큰을 만들어 이번 한 번만 출력합니다",
    "list the tokens, without their secrets": "비밀값 없이 토큰을 나열합니다",
    "take a token back; running services refuse it within two seconds":
        "토큰을 회수합니다. 실행 중인 서비스는 2초 안에 거부합니다",
    "a viewer reads, an operator also writes, an admin also configures":
        "viewer는 읽기, operator는 쓰기까지, admin은 설정까지",
    "whose it is, as it stands in the list": "목록에 나올 소유자 이름",
    "as 12h, 90d, 8w or 1y (default: 90d)": "12h, 90d, 8w, 1y 형식 (기본값: 90d)",
    "as in the list": "목록에 나온 그대로",
    "follow the trail from end to end; 1 if it is broken": "기록을 처음부터 끝까지 확인합니다. 끊겼으면 1",
    "print the last rows": "마지막 행들을 출력합니다",
    "how many (default: 20)": "몇 행인지 (기본값: 20)",
    "print every row, as CSV or with --json as lines of JSON": "모든 행을 CSV로, --json이면 JSON 줄로 출력합니다",
    "the new file, as openmanager.tar; keep it as a secret": "새 파일, 예: openmanager.tar. 비밀로 보관하십시오",
    "show the change, or check the backup; write nothing": "변경을 보여 주거나 백업을 검사만 하고 쓰지 않습니다",
    "also undo what others changed since; also while servers use the state":
        "그 뒤 다른 쪽이 바꾼 것도 되돌립니다. 서버가 상태를 쓰는 중에도",
    "Certificate chain (PEM), to serve https; goes with http.tls_key":
        "https로 제공할 인증서 체인(PEM). http.tls_key와 함께",
    "Private key of that certificate (PEM)": "그 인증서의 개인 키(PEM)",
    "HTTP: take the tokens that openmanager token create makes":
        "HTTP: openmanager token create가 만든 토큰을 받음",
    "HTTP: take the access tokens of this OAuth issuer": "HTTP: 이 OAuth 발급자의 액세스 토큰을 받음",
    "OAuth: what the tokens must be meant for, best the public address, as https://ops.example.com":
        "OAuth: 토큰의 대상. 공개 주소가 가장 좋음, 예: https://ops.example.com",
    "OAuth: where the issuer's public keys are": "OAuth: 발급자의 공개 키 주소",
    "Requests in progress at a time for each token's holder": "토큰 소유자마다 동시에 처리 중인 요청 수",
    "Tool calls a minute for each token's holder (0: any number)":
        "토큰 소유자마다 1분당 도구 호출 수 (0: 제한 없음)",
    "The same for each tool (0: any number)": "도구마다의 같은 제한 (0: 제한 없음)",
    "Keep a trail of the tool calls of everybody who shows a token":
        "토큰을 보이는 모든 호출자의 도구 호출을 기록",
    "Days that the trail keeps": "기록을 보관하는 일수",
    "Ask every server of the development profile something, then analyse a broken fleet (make run)":
        "development 프로파일의 모든 서버에 물어본 뒤 장애가 난 플릿을 분석 (make run)",
    "a process that stands still for so long is ended and started again (default: 30)":
        "이 시간(초) 동안 멈춰 있는 프로세스는 끝내고 다시 시작 (기본값: 30)",
    "Ask about the fleet in words, English or Korean": "플릿에 대해 영어나 한국어 말로 질문",
    "in English or Korean, e.g. \"which servers are in danger?\"": "영어나 한국어로, 예: \"위험한 서버는?\"",
    "of the answer (default: the question's)": "답의 언어 (기본값: 질문의 언어)",
    "show how the answer was found": "답을 어떻게 찾았는지 보여 줌",
}  # fmt: skip
